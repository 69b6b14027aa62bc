import { type PointerEvent, type RefObject, useRef, useState } from "react";

const colours = ["#c0392b", "#e67e22", "#f1c40f", "#27ae60", "#2980b9", "#8e44ad", "#222222", "#ffffff"];

interface DrawingProps {
  canvas: RefObject<HTMLCanvasElement | null>;
  size: { width: number; height: number };
  /** Told after every stroke, upload or clearing. */
  onChange(): void;
}

/** A canvas to draw on or to put a picture onto. */
export function Drawing({ canvas, size, onChange }: DrawingProps) {
  const [colour, setColour] = useState(colours[0]!);
  const [thickness, setThickness] = useState(8);
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
    const context = event.currentTarget.getContext("2d")!;
    const to = place(event);
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(last.current.x, last.current.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    last.current = to;
    onChange();
  };
  const clear = () => {
    const context = canvas.current!.getContext("2d")!;
    context.fillStyle = "#dfe6ec";
    context.fillRect(0, 0, size.width, size.height);
    onChange();
  };
  const upload = async (file: File | undefined) => {
    if (!file) return;
    const picture = await createImageBitmap(file);
    const scale = Math.max(size.width / picture.width, size.height / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    const context = canvas.current!.getContext("2d")!;
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, size.width, size.height);
    context.drawImage(picture, (size.width - width) / 2, (size.height - height) / 2, width, height);
    onChange();
  };

  return (
    <section className="panel">
      <h2>Picture</h2>
      <canvas
        ref={canvas}
        aria-label="Drawing"
        width={size.width}
        height={size.height}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          last.current = place(event);
          stroke(event);
        }}
        onPointerMove={stroke}
        onPointerUp={() => (last.current = undefined)}
      />
      <fieldset className="row">
        <legend className="hidden">Pen</legend>
        {colours.map((each) => (
          <button
            key={each}
            type="button"
            className="swatch"
            style={{ background: each }}
            aria-label={`Colour ${each}`}
            aria-pressed={each === colour}
            onClick={() => setColour(each)}
          />
        ))}
        <label className="inline">
          Pen
          <input
            type="range"
            min={1}
            max={40}
            value={thickness}
            onChange={(event) => setThickness(Number(event.target.value))}
          />
        </label>
      </fieldset>
      <div className="row">
        <label className="button">
          Upload
          <input
            type="file"
            accept="image/png,image/jpeg,image/webp"
            className="hidden"
            onChange={(event) => void upload(event.target.files?.[0])}
          />
        </label>
        <button type="button" onClick={clear}>
          Clear
        </button>
      </div>
    </section>
  );
}
