import type { Image } from "@controlnet-js/core";
import { type ByteImage, blankImage } from "./image.js";
import type { Taps } from "./resize-taps.js";
import { roundHalfEven } from "./round-half-even.js";

const BITS = 11;

/** Weights in 11-bit fixed point. */
export function fixedWeights(taps: Taps): Int16Array {
  return Int16Array.from(taps.weights, (weight) => roundHalfEven(weight * (1 << BITS)));
}

/**
 * Resizing by taps in plain TypeScript: rows first, each once, then columns over the few rows that a target row needs.
 * The WebAssembly kernel is tested against it.
 */
export function combineTaps(image: Image, width: number, height: number, x: Taps, y: Taps): ByteImage {
  const { channels } = image;
  const result = blankImage(width, height, channels);
  const stride = width * channels;
  const weightsX = fixedWeights(x);
  const weightsY = fixedWeights(y);
  const kept = Array.from({ length: y.count }, () => ({ row: -1, values: new Int32Array(stride) }));
  for (let j = 0; j < height; j++) {
    const lines: Int32Array[] = [];
    for (let k = 0; k < y.count; k++) {
      const row = y.indices[j * y.count + k]!;
      const slot = kept[row % y.count]!;
      if (slot.row !== row) {
        slot.row = row;
        combineRow(image, row, x, weightsX, slot.values);
      }
      lines.push(slot.values);
    }
    const to = result.data.subarray(j * stride, (j + 1) * stride);
    const w = weightsY.subarray(j * y.count, (j + 1) * y.count);
    if (y.count === 2) blendTwo(lines[0]!, lines[1]!, w[0]!, w[1]!, to);
    else blendMany(lines, w, to);
  }
  return result;
}

function combineRow(image: Image, row: number, x: Taps, weights: Int16Array, out: Int32Array): void {
  const { data, channels, width } = image;
  const { count, indices } = x;
  const start = row * width * channels;
  const size = indices.length / count;
  for (let c = 0; c < channels; c++) {
    const base = start + c;
    if (count === 2)
      for (let i = 0, t = 0, to = c; i < size; i++, t += 2, to += channels)
        out[to] =
          data[base + indices[t]! * channels]! * weights[t]! +
          data[base + indices[t + 1]! * channels]! * weights[t + 1]!;
    else
      for (let i = 0, t = 0, to = c; i < size; i++, to += channels) {
        let sum = 0;
        for (const end = t + count; t < end; t++) sum += data[base + indices[t]! * channels]! * weights[t]!;
        out[to] = sum;
      }
  }
}

/** OpenCV's own rounding for two rows: 4 bits are dropped before and 16 after each product. */
function blendTwo(a: Int32Array, b: Int32Array, wa: number, wb: number, to: Uint8Array): void {
  for (let i = 0; i < to.length; i++)
    to[i] = ((((a[i]! >> 4) * wa) >> 16) + (((b[i]! >> 4) * wb) >> 16) + 2) >> 2;
}

/** 32-bit sums that wrap around, as OpenCV's do. */
function blendMany(lines: readonly Int32Array[], w: Int16Array, to: Uint8Array): void {
  const sums = new Int32Array(to.length).fill(1 << (2 * BITS - 1));
  lines.forEach((line, k) => {
    const weight = w[k]!;
    for (let i = 0; i < sums.length; i++) sums[i]! += Math.imul(line[i]!, weight);
  });
  for (let i = 0; i < to.length; i++) to[i] = Math.min(255, Math.max(0, sums[i]! >> (2 * BITS)));
}
