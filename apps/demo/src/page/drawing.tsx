import { type PointerEvent, type RefObject, useRef, useState } from "react";
import { clearDrawing, contextOf, drawPicture } from "./drawings.js";

const colours = {
  red: "#c0392b",
  orange: "#e67e22",
  yellow: "#f1c40f",
  green: "#27ae60",
  blue: "#2980b9",
  purple: "#8e44ad",
  black: "#222222",
  white: "#ffffff",
};

interface DrawingProps {
  canvas: RefObject<HTMLCanvasElement | null>;
  size: { width: number; height: number };
  /** Told after every stroke, upload or clearing. */
  onChange(): void;
}

/** A canvas to draw on or to put a picture onto. */
export function Drawing({ canvas, size, onChange }: DrawingProps) {
  const [colour, setColour] = useState(colours.black);
  /** In hundredths of the canvas. */
  const [thickness, setThickness] = useState(4);
  const [problem, setProblem] = useState("");
  const last = useRef<{ x: number; y: number } | undefined>(undefined);

  const place = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * size.width,
      y: ((event.clientY - box.top) / box.height) * size.height,
    };
  };
  const stroke = (event: PointerEvent<HTMLCanvasElement>) => {
    if (!last.current) return;
    const context = contextOf(event.currentTarget);
    const to = place(event);
    context.strokeStyle = colour;
    context.lineWidth = (thickness / 100) * size.width;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(last.current.x, last.current.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    last.current = to;
    onChange();
  };
  const lift = () => {
    last.current = undefined;
  };
  const clear = () => {
    clearDrawing(canvas.current!);
    setProblem("");
    onChange();
  };
  const upload = async (file: File | undefined) => {
    if (!file) return;
    try {
      const picture = await createImageBitmap(file);
      drawPicture(canvas.current!, picture);
      picture.close();
      setProblem("");
      onChange();
    } catch {
      setProblem(`${file.name} is no picture that this browser reads; PNG, JPEG and WebP are`);
    }
  };

  return (
    <section className="panel draw">
      <h2>Picture</h2>
      <canvas
        ref={canvas}
        aria-label="Drawing"
        {...size}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          last.current = place(event);
          stroke(event);
        }}
        onPointerMove={stroke}
        onPointerUp={lift}
        onPointerCancel={lift}
      />
      <fieldset className="row swatches">
        <legend className="hidden">Colour</legend>
        {Object.entries(colours).map(([name, value]) => (
          <button
            key={name}
            type="button"
            className="swatch"
            style={{ background: value }}
            aria-label={name}
            title={name}
            aria-pressed={value === colour}
            onClick={() => setColour(value)}
          />
        ))}
      </fieldset>
      <div className="row">
        <label className="pen">
          <span>Pen</span>
          <input
            type="range"
            min={1}
            max={20}
            value={thickness}
            onChange={(event) => setThickness(Number(event.target.value))}
          />
        </label>
        <label className="button">
          Upload
          <input
            type="file"
            accept="image/png,image/jpeg,image/webp"
            className="hidden"
            onChange={(event) => {
              void upload(event.target.files?.[0]);
              event.target.value = "";
            }}
          />
        </label>
        <button type="button" onClick={clear}>
          Clear
        </button>
      </div>
      {problem && <p role="alert">{problem}</p>}
    </section>
  );
}
