import type { Image } from "@controlnet-js/core";
import { type ByteImage, blankImage } from "./image.js";
import type { Taps } from "./resize-taps.js";
import { roundHalfEven } from "./round-half-even.js";

const BITS = 11;
/** How many bits of a row's sums are dropped, so that they fit 16: OpenCV drops as many for two taps. */
const LINEAR_DROP = 4;
const CUBIC_DROP = 5;

/** Weights in 11-bit fixed point. */
export function fixedWeights(taps: Taps): Int16Array {
  const fixed = new Int16Array(taps.weights.length);
  for (let i = 0; i < fixed.length; i++) fixed[i] = roundHalfEven(taps.weights[i]! * (1 << BITS));
  return fixed;
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
    else blendMany(lines, w, to, y.count === 4 ? 2 * BITS - CUBIC_DROP : 2 * BITS);
  }
  return result;
}

/** One row; the sums of two and four taps are cut to 16 bits. */
function combineRow(image: Image, row: number, x: Taps, weights: Int16Array, out: Int32Array): void {
  const { data, channels, width } = image;
  const { count, indices } = x;
  const start = row * width * channels;
  const size = indices.length / count;
  const drop = count === 2 ? LINEAR_DROP : count === 4 ? CUBIC_DROP : 0;
  const half = count === 4 ? 1 << (CUBIC_DROP - 1) : 0;
  for (let i = 0, t = 0, to = 0; i < size; i++, t += count)
    for (let c = 0; c < channels; c++, to++) {
      let sum = half;
      for (let k = t; k < t + count; k++) sum += data[start + indices[k]! * channels + c]! * weights[k]!;
      out[to] = sum >> drop;
    }
}

/** OpenCV's own rounding for two rows: 16 bits are dropped from each product. */
function blendTwo(a: Int32Array, b: Int32Array, wa: number, wb: number, to: Uint8Array): void {
  for (let i = 0; i < to.length; i++) to[i] = (((a[i]! * wa) >> 16) + ((b[i]! * wb) >> 16) + 2) >> 2;
}

/** 32-bit sums that wrap around, as OpenCV's do. */
function blendMany(lines: readonly Int32Array[], w: Int16Array, to: Uint8Array, drop: number): void {
  const sums = new Int32Array(to.length).fill(1 << (drop - 1));
  lines.forEach((line, k) => {
    const weight = w[k]!;
    for (let i = 0; i < sums.length; i++) sums[i]! += Math.imul(line[i]!, weight);
  });
  for (let i = 0; i < to.length; i++) to[i] = Math.min(255, Math.max(0, sums[i]! >> drop));
}
