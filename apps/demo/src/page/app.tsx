import { useCallback, useEffect, useRef, useState } from "react";
import { fetchModel, generate, type ModelInfo } from "./api.js";
import { drawCannyMap } from "./canny-map.js";
import { Drawing } from "./drawing.js";
import { Field } from "./field.js";

const defaults = { low: 100, high: 200, strength: 1, guidance: 5, steps: 20, seed: 0 };

/** The page: draw or upload, see the map, describe, watch the picture appear. */
export function App() {
  const [model, setModel] = useState<ModelInfo>();
  const [prompt, setPrompt] = useState("a red house in the snow");
  const [negativePrompt, setNegativePrompt] = useState("");
  const [numbers, setNumbers] = useState(defaults);
  const [useMap, setUseMap] = useState(true);
  const [picture, setPicture] = useState<string>();
  const [status, setStatus] = useState("");
  const [finished, setFinished] = useState(false);
  const [running, setRunning] = useState<AbortController>();
  const drawing = useRef<HTMLCanvasElement>(null);
  const map = useRef<HTMLCanvasElement>(null);
  const { low, high } = numbers;

  useEffect(() => {
    fetchModel().then(setModel, (error: Error) => setStatus(`The model can't be reached: ${error.message}`));
  }, []);

  const redraw = useCallback(() => {
    if (drawing.current && map.current) drawCannyMap(drawing.current, map.current, { low, high });
  }, [low, high]);

  useEffect(() => {
    if (!model || !drawing.current) return;
    const context = drawing.current.getContext("2d")!;
    context.fillStyle = "#dfe6ec";
    context.fillRect(0, 0, model.width, model.height);
  }, [model]);
  useEffect(redraw, [redraw, model]);

  const number = (key: keyof typeof defaults) => (value: number) =>
    setNumbers((before) => ({ ...before, [key]: value }));

  const paint = async () => {
    const controller = new AbortController();
    setRunning(controller);
    setFinished(false);
    setStatus("Starting ...");
    const { strength, guidance, steps, seed } = numbers;
    try {
      const request = {
        prompt,
        negativePrompt,
        strength,
        guidance,
        steps,
        seed,
        ...(useMap && model?.controlled && { map: map.current!.toDataURL("image/png") }),
      };
      for await (const event of generate(request, controller.signal)) {
        if (event.kind === "step") {
          setPicture(event.preview);
          setStatus(`Step ${event.step} of ${event.steps}`);
        } else if (event.kind === "done") {
          setPicture(event.picture);
          setFinished(true);
          setStatus(event.warnings.length > 0 ? event.warnings.join("; ") : "Done");
        } else setStatus(event.error);
      }
    } catch (error) {
      setStatus(controller.signal.aborted ? "Cancelled" : (error as Error).message);
    } finally {
      setRunning(undefined);
    }
  };

  if (!model) return <main className="loading">{status || "Loading ..."}</main>;
  const size = { width: model.width, height: model.height };
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
        <section className="panel">
          <h2>Control map</h2>
          <canvas ref={map} aria-label="Control map" {...size} />
          <Field label="Low threshold" min={1} max={255} value={low} onChange={number("low")} />
          <Field label="High threshold" min={1} max={255} value={high} onChange={number("high")} />
          <label className="inline">
            <input type="checkbox" checked={useMap} onChange={(event) => setUseMap(event.target.checked)} />{" "}
            Follow the map
          </label>
        </section>
        <section className="panel">
          <h2>Result</h2>
          {picture ? (
            <img src={picture} alt={prompt} {...size} />
          ) : (
            <div className="empty">Your picture appears here</div>
          )}
          <p role="status">{status}</p>
          {finished && (
            <a className="button" href={picture} download={`controlnet-${numbers.seed}.png`}>
              Save PNG
            </a>
          )}
        </section>
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void paint();
        }}
      >
        <label className="field wide">
          <span>Prompt</span>
          <input value={prompt} onChange={(event) => setPrompt(event.target.value)} />
        </label>
        <label className="field wide">
          <span>Negative prompt</span>
          <input value={negativePrompt} onChange={(event) => setNegativePrompt(event.target.value)} />
        </label>
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
        <Field label="Seed" min={0} max={9999} value={numbers.seed} onChange={number("seed")} />
        <div className="row wide">
          <button type="submit" className="primary" disabled={running !== undefined}>
            Generate
          </button>
          <button type="button" disabled={!running} onClick={() => running?.abort()}>
            Cancel
          </button>
        </div>
      </form>
    </main>
  );
}
