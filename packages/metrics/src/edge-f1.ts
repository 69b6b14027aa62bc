import { ControlNetError, type Image } from "@controlnet-js/core";

/** How well one edge map agrees with another; each value is in [0, 1]. */
export interface EdgeScore {
  /** The part of the found edge pixels that lie near a wanted one. */
  precision: number;
  /** The part of the wanted edge pixels that lie near a found one. */
  recall: number;
  /** Their harmonic mean. */
  f1: number;
}

/**
 * Precision, recall and F1 of found edges against wanted ones, with a tolerance of some pixels in each direction
 * (after Martin, Fowlkes and Malik, "Learning to detect natural image boundaries", 2004, without their one-to-one
 * matching). A pixel is an edge where its first channel is above 127. Two maps without edges agree: all values 1.
 * @param found `[height, width, channels]`, e.g. the Canny map of a generated picture
 * @param wanted `[height, width, channels]`, e.g. the control map that was given
 * @param options.tolerance how far apart two pixels may be, along x and along y; default 1
 * @throws ControlNetError `shape` where the sizes differ, `range` for a bad tolerance
 */
export function edgeF1(found: Image, wanted: Image, options: { tolerance?: number } = {}): EdgeScore {
  const { tolerance = 1 } = options;
  if (!Number.isInteger(tolerance) || tolerance < 0)
    throw new ControlNetError(
      "range",
      `edgeF1: expected a tolerance of 0 or more whole pixels, got ${tolerance}`,
    );
  const { width, height } = found;
  if (width !== wanted.width || height !== wanted.height)
    throw new ControlNetError(
      "shape",
      `edgeF1: expected maps of one size, got ${width}x${height} and ${wanted.width}x${wanted.height}`,
    );
  const a = edgePixels(found);
  const b = edgePixels(wanted);
  const near = (pixels: Uint8Array) => dilate(pixels, width, height, tolerance);
  const inA = count(a);
  const inB = count(b);
  if (inA === 0 && inB === 0) return { precision: 1, recall: 1, f1: 1 };
  const precision = inA === 0 ? 0 : common(a, near(b)) / inA;
  const recall = inB === 0 ? 0 : common(b, near(a)) / inB;
  const sum = precision + recall;
  return { precision, recall, f1: sum === 0 ? 0 : (2 * precision * recall) / sum };
}

function edgePixels({ data, width, height, channels }: Image): Uint8Array {
  if (data.length !== width * height * channels || channels < 1)
    throw new ControlNetError(
      "shape",
      `edgeF1: ${width}x${height}x${channels} needs ${width * height * channels} values, got ${data.length}`,
    );
  const pixels = new Uint8Array(width * height);
  for (let i = 0; i < pixels.length; i++) pixels[i] = data[i * channels]! > 127 ? 1 : 0;
  return pixels;
}

function count(pixels: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) sum += pixels[i]!;
  return sum;
}

function common(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! & b[i]!;
  return sum;
}

/** Grows every set pixel to a square of side 2 radius + 1: along rows, then along columns. */
function dilate(pixels: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  if (radius === 0) return pixels;
  const wide = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; x++)
      if (pixels[row + x]) wide.fill(1, row + Math.max(0, x - radius), row + Math.min(width, x + radius + 1));
  }
  const grown = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++)
    for (let other = Math.max(0, y - radius); other <= Math.min(height - 1, y + radius); other++)
      for (let x = 0; x < width; x++) grown[y * width + x]! |= wide[other * width + x]!;
  return grown;
}
