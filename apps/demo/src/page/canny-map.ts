import { canny } from "@controlnet-js/preprocessors";
import { contextOf } from "./drawings.js";

/** Thresholds of the Canny detector, on the sum of the gradient's absolute parts. */
export interface Thresholds {
  low: number;
  high: number;
}

/** Draws the Canny map of one canvas onto another of the same size, white on black. */
export function drawCannyMap(
  source: HTMLCanvasElement,
  target: HTMLCanvasElement,
  { low, high }: Thresholds,
): void {
  const { width, height } = source;
  const pixels = contextOf(source).getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgb[i * 3 + c] = pixels[i * 4 + c]!;
  const edges = canny({ data: rgb, width, height, channels: 3 }, { low, high });
  const map = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    map.data.fill(edges.data[i * edges.channels]!, i * 4, i * 4 + 3);
    map.data[i * 4 + 3] = 255;
  }
  target.getContext("2d")!.putImageData(map, 0, 0);
}
