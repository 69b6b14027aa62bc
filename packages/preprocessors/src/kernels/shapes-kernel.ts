import { SINES } from "../ellipse-corners.js";
import type { ByteImage } from "../image.js";
import type { Shape } from "../pose/shapes.js";
import { withKernels } from "./kernels.js";

/** Bytes of a band of rows, which stay in the processor's cache while all shapes are drawn there. */
const BAND = 2 ** 17;
/** Numbers of a shape in the kernels' memory. */
const FIELDS = 13;

/**
 * Draws shapes one over the other by the WebAssembly kernels, a band of rows at a time in their memory.
 * @param rows of all shapes together
 * @param isBlank whether the canvas is still black
 * @returns whether there are kernels; the canvas is unchanged otherwise
 */
export function shapesKernel(
  canvas: ByteImage,
  shapes: readonly Shape[],
  rows: number,
  isBlank: boolean,
): boolean {
  const { data, width, height } = canvas;
  const pitch = 3 * width;
  const step = Math.max(1, Math.floor(BAND / pitch));
  let [first, last] = [height, -1];
  for (const { top, bottom } of shapes) {
    first = Math.min(first, top);
    last = Math.max(last, bottom);
  }
  const isDrawn = withKernels(width * height, (kernels) => {
    const records = kernels.put(recordsOf(shapes));
    const sines = kernels.put(SINES);
    const corners = kernels.allocate(Int32Array, 2 * 361);
    const [left, right] = [kernels.allocate(Int32Array, rows), kernels.allocate(Int32Array, rows)];
    const band = kernels.allocate(Uint8Array, Math.min(step, height) * pitch);
    kernels.run.shape_spans(records, shapes.length, sines, width, height, corners, left, right);
    for (let start = first; start <= last; start += step) {
      const end = Math.min(start + step, last + 1);
      const bytes = kernels.view(Uint8Array, band, (end - start) * pitch);
      if (isBlank) bytes.fill(0);
      else bytes.set(data.subarray(start * pitch, end * pitch));
      kernels.run.draw_shapes(records, shapes.length, left, right, band, width, start, end);
      data.set(bytes, start * pitch);
    }
    return true;
  });
  return isDrawn ?? false;
}

function recordsOf(shapes: readonly Shape[]): Int32Array {
  const records = new Int32Array(FIELDS * shapes.length);
  let start = 0;
  shapes.forEach(({ kind, centre, radius, angle, top, bottom, isInside, colour, isBlended }, i) => {
    const at = i * FIELDS;
    records[at] = kind === "circle" ? 1 : 0;
    records[at + 1] = centre.x;
    records[at + 2] = centre.y;
    records[at + 3] = radius;
    records[at + 4] = angle;
    records[at + 5] = top;
    records[at + 6] = bottom;
    records[at + 7] = start - top;
    records[at + 8] = isInside ? 1 : 0;
    records.set(colour, at + 9);
    records[at + 12] = isBlended ? 1 : 0;
    start += bottom - top + 1;
  });
  return records;
}
