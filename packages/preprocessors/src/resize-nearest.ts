import type { Image } from "@controlnet-js/core";
import { type ByteImage, blankImage } from "./image.js";

/** Which source column each target column shows, and which source row each target row. */
export interface NearestPixels {
  columns: Int32Array;
  rows: Int32Array;
}

/** The pixels that `cv2.resize(..., INTER_NEAREST)` takes: positions are cut, not rounded. */
export function nearestPixels({ width, height }: Image, toWidth: number, toHeight: number): NearestPixels {
  return { columns: nearestOf(width, toWidth), rows: nearestOf(height, toHeight) };
}

function nearestOf(source: number, target: number): Int32Array {
  const positions = new Int32Array(target);
  const scale = 1 / (target / source);
  for (let i = 0; i < target; i++) positions[i] = Math.min(Math.floor(i * scale), source - 1);
  return positions;
}

/** Copies the pixels in plain TypeScript: what the WebAssembly kernel is tested against, and stands in for. */
export function copyNearest(image: Image, { columns, rows }: NearestPixels): ByteImage {
  const { data, width, channels } = image;
  const result = blankImage(columns.length, rows.length, channels);
  const stride = columns.length * channels;
  for (let y = 0, to = 0; y < rows.length; y++) {
    if (y > 0 && rows[y] === rows[y - 1]) {
      result.data.copyWithin(to, to - stride, to);
      to += stride;
      continue;
    }
    const row = rows[y]! * width;
    for (let x = 0; x < columns.length; x++) {
      const from = (row + columns[x]!) * channels;
      for (let c = 0; c < channels; c++) result.data[to++] = data[from + c]!;
    }
  }
  return result;
}
