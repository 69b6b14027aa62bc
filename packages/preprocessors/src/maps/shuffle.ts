import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, assertSize, type ByteImage, blankImage } from "../image.js";
import { numpyRandom } from "../numpy-random.js";
import { combinePlane } from "../resize.js";
import { resizeTaps, type Taps } from "../resize-taps.js";
import { roundHalfEven } from "../round-half-even.js";

/**
 * A smooth random field in [0, 1]: noise on a grid of `cell` pixels, cubic between them, one cell cut off all around
 * (ControlNet 1.1 `annotator/util.py`, `make_noise_disk`).
 * @param random draws uniform numbers in [0, 1)
 * @returns `[height, width]`
 * @throws ControlNetError `shape` or `range`
 */
export function smoothNoise(width: number, height: number, cell: number, random: () => number): Float64Array {
  assertSize("smoothNoise", width, height);
  assertCell("smoothNoise", cell);
  const columns = Math.floor(width / cell) + 2;
  const rows = Math.floor(height / cell) + 2;
  const grid = { data: Float64Array.from({ length: columns * rows }, random), width: columns, height: rows };
  const field = combinePlane(grid, inner(columns, width, cell), inner(rows, height, cell), Float64Array);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of field) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const range = high - low || 1;
  for (let i = 0; i < field.length; i++) field[i] = (field[i]! - low) / range;
  return field;
}

function assertCell(where: string, cell: number): void {
  if (!Number.isInteger(cell) || cell < 2 || cell > 4096)
    throw new ControlNetError("range", `${where}: expected a cell of 2 to 4096 pixels, got ${cell}`);
}

/** The taps of a line that is resized to `size` and a cell more on both sides, without those cells. */
function inner(source: number, size: number, cell: number): Taps {
  const { count, indices, weights } = resizeTaps(source, size + 2 * cell, "cubic");
  const [start, end] = [cell * count, (cell + size) * count];
  return { count, indices: indices.subarray(start, end), weights: weights.subarray(start, end) };
}

/**
 * The content of a picture, moved about by a smooth random flow (ControlNet 1.1 `shuffle`): the map of
 * `ContentShuffleDetector` after `np.random.seed(seed)`.
 * @param image `[height, width, channels]`
 * @param options.seed an integer in [0, 2^32); default 0
 * @param options.cell how far apart the flow is drawn, in pixels; default 256
 * @throws ControlNetError `shape` or `range`
 */
export function shuffle(image: Image, options: { seed?: number; cell?: number } = {}): ByteImage {
  const { seed = 0, cell = 256 } = options;
  assertImage("shuffle", image);
  assertCell("shuffle", cell);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new ControlNetError(
      "range",
      `shuffle: expected a seed of 0 to 4294967295, as NumPy has, got ${seed}`,
    );
  const { width, height } = image;
  const random = numpyRandom(seed);
  const x = Float32Array.from(smoothNoise(width, height, cell, random), (value) => value * (width - 1));
  const y = Float32Array.from(smoothNoise(width, height, cell, random), (value) => value * (height - 1));
  return remap(image, x, y);
}

/**
 * Reads a picture at given positions, bilinear in steps of 1/32 pixel as `cv2.remap` does; black outside, and where a
 * position is no number.
 * @param x column of each target pixel, `[height, width]` of the picture's own size
 * @param y row of each target pixel
 * @throws ControlNetError `shape`
 */
export function remap(image: Image, x: Float32Array, y: Float32Array): ByteImage {
  assertImage("remap", image);
  const { data, width, height, channels } = image;
  if (x.length !== width * height || y.length !== width * height)
    throw new ControlNetError(
      "shape",
      `remap: ${width}x${height} needs ${width * height} positions, got ${x.length} columns and ${y.length} rows`,
    );
  const result = blankImage(width, height, channels);
  const at = (column: number, row: number, c: number) =>
    column < 0 || row < 0 || column >= width || row >= height
      ? 0
      : data[(row * width + column) * channels + c]!;
  for (let i = 0, to = 0; i < x.length; i++) {
    const fixedX = fixedPoint(x[i]!);
    const fixedY = fixedPoint(y[i]!);
    const column = fixedX >> 5;
    const row = fixedY >> 5;
    const right = (fixedX & 31) / 32;
    const down = (fixedY & 31) / 32;
    for (let c = 0; c < channels; c++, to++) {
      const top = at(column, row, c) * (1 - right) + at(column + 1, row, c) * right;
      const bottom = at(column, row + 1, c) * (1 - right) + at(column + 1, row + 1, c) * right;
      result.data[to] = Math.round(top * (1 - down) + bottom * down);
    }
  }
  return result;
}

/** Two pixels before the first and `FAR` have nothing of the picture beside them. */
const OUTSIDE = -2 * 32;
const FAR = 2 ** 26;

/** A position in 1/32 pixel; one that 32 bits do not hold would come back inside. */
const fixedPoint = (position: number): number =>
  position > -2 && position < FAR ? roundHalfEven(position * 32) : OUTSIDE;
