import { useCallback, useEffect, useRef, useState } from "react";
import { fetchModel, type ModelInfo } from "./api.js";
import { drawCannyMap } from "./canny-map.js";
import { Drawing } from "./drawing.js";
import { drawHouse } from "./drawings.js";
import { Field } from "./field.js";
import { Result } from "./result.js";
import { usePainting } from "./use-painting.js";

const defaults = { low: 100, high: 200, strength: 1, guidance: 5, steps: 20, seed: 0 };

/** The page: draw or upload, see the map, describe, watch the picture appear. */
export function App() {
  const [model, setModel] = useState<ModelInfo>();
  const [problem, setProblem] = useState("");
  const [prompt, setPrompt] = useState("a red house in the snow");
  const [negativePrompt, setNegativePrompt] = useState("");
  const [numbers, setNumbers] = useState(defaults);
  const [useMap, setUseMap] = useState(true);
  const { painting, paint, cancel } = usePainting();
  const drawing = useRef<HTMLCanvasElement>(null);
  const map = useRef<HTMLCanvasElement>(null);
  const result = useRef<HTMLElement>(null);
  const { low, high } = numbers;

  useEffect(() => {
    fetchModel().then(setModel, (error: Error) => setProblem(`The model can't be reached: ${error.message}`));
  }, []);
  useEffect(() => {
    if (model && drawing.current) drawHouse(drawing.current);
  }, [model]);
  const redraw = useCallback(() => {
    if (model && drawing.current && map.current) drawCannyMap(drawing.current, map.current, { low, high });
  }, [low, high, model]);
  useEffect(redraw, [redraw]);

  const number = (key: keyof typeof defaults) => (value: number) =>
    setNumbers((before) => ({ ...before, [key]: value }));

  if (!model) return <main className="loading">{problem || "Loading ..."}</main>;
  const size = { width: model.width, height: model.height };
  const start = () => {
    result.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    const { strength, guidance, steps, seed } = numbers;
    const followed = useMap && model.controlled && { map: map.current!.toDataURL("image/png") };
    void paint({ prompt, negativePrompt, strength, guidance, steps, seed, ...followed });
  };
  return (
    <main>
      <header>
        <h1>controlnet-js</h1>
        <p>{model.engine}</p>
      </header>
      {!model.controlled && (
        <p className="notice" role="note">
          There is no ControlNet yet: pictures follow the prompt alone. <code>npm start</code> trains one.
        </p>
      )}
      <div className="panels">
        <Drawing canvas={drawing} size={size} onChange={redraw} />
        <section className="panel map">
          <h2>Control map</h2>
          <canvas ref={map} aria-label="Control map" {...size} />
          <div className="pair">
            <Field label="Low threshold" min={1} max={500} value={low} onChange={number("low")} />
            <Field label="High threshold" min={1} max={500} value={high} onChange={number("high")} />
          </div>
          <label className="check">
            <input
              type="checkbox"
              checked={useMap && model.controlled}
              disabled={!model.controlled}
              onChange={(event) => setUseMap(event.target.checked)}
            />
            Follow the map
          </label>
        </section>
        <Result section={result} painting={painting} onCancel={cancel} />
        <form
          className="panel settings"
          onSubmit={(event) => {
            event.preventDefault();
            start();
          }}
        >
          <div className="prompts">
            <label className="field">
              <span>Prompt</span>
              <input
                type="text"
                value={prompt}
                maxLength={1000}
                onChange={(event) => setPrompt(event.target.value)}
              />
            </label>
            <label className="field">
              <span>Negative prompt</span>
              <input
                type="text"
                value={negativePrompt}
                maxLength={1000}
                placeholder="what to keep away from"
                onChange={(event) => setNegativePrompt(event.target.value)}
              />
            </label>
            <button type="submit" className="primary" disabled={painting?.state === "running"}>
              Generate
            </button>
          </div>
          <div className="numbers">
            <Field
              label="Strength"
              min={0}
              max={2}
              step={0.05}
              value={numbers.strength}
              onChange={number("strength")}
            />
            <Field
              label="Guidance"
              min={1}
              max={15}
              step={0.5}
              value={numbers.guidance}
              onChange={number("guidance")}
            />
            <Field label="Steps" min={1} max={100} value={numbers.steps} onChange={number("steps")} />
            <Field label="Seed" min={0} max={999} value={numbers.seed} onChange={number("seed")} />
          </div>
        </form>
      </div>
    </main>
  );
}
