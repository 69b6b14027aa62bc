import { ControlNetError, type Image } from "@controlnet-js/core";
import { gaussianBlur, gaussianBlurFloat, toFloat } from "../gaussian-blur.js";
import { assertImage, type ByteImage, blankImage, toRgb } from "../image.js";

/**
 * A scribble drawn with a dark pen on bright paper: white where the darkest channel is below `threshold`
 * (ControlNet `gradio_scribble2image.py`).
 * @param image `[height, width, 1 or 3]`
 * @param threshold 1-255; default 127
 * @returns `[height, width, 1]`
 * @throws ControlNetError `shape` or `range`
 */
export function scribble(image: Image, threshold = 127): ByteImage {
  assertImage("scribble", image, [1, 3]);
  if (!(threshold >= 1 && threshold <= 255))
    throw new ControlNetError("range", `scribble: expected a threshold of 1 to 255, got ${threshold}`);
  const { data, width, height, channels } = image;
  const map = blankImage(width, height, 1);
  for (let i = 0, j = 0; i < map.data.length; i++, j += channels) {
    let darkest = data[j]!;
    for (let c = 1; c < channels; c++) darkest = Math.min(darkest, data[j + c]!);
    map.data[i] = darkest < threshold ? 255 : 0;
  }
  return map;
}

/**
 * A scribble of a photograph by an extended difference of Gaussians (sigma 0.5 and 5): the web UI's
 * `scribble_xdog`.
 * @param threshold 1-255, in the web UI 1-64; higher keeps less. Default 32
 * @returns `[height, width, 1]`
 * @throws ControlNetError `shape` or `range`
 */
export function scribbleXdog(image: Image, threshold = 32): ByteImage {
  const rgb = toRgb(image);
  if (!(threshold >= 1 && threshold <= 255))
    throw new ControlNetError("range", `scribbleXdog: expected a threshold of 1 to 255, got ${threshold}`);
  const pixels = toFloat(rgb);
  const fine = gaussianBlurFloat(pixels, 0.5).data;
  const coarse = gaussianBlurFloat(pixels, 5).data;
  const map = blankImage(rgb.width, rgb.height, 1);
  for (let i = 0, j = 0; i < map.data.length; i++, j += 3) {
    const least = Math.min(
      coarse[j]! - fine[j]!,
      coarse[j + 1]! - fine[j + 1]!,
      coarse[j + 2]! - fine[j + 2]!,
    );
    const inverse = Math.trunc(Math.min(255, Math.max(0, Math.fround(255 - Math.fround(least)))));
    // The field doubles a byte, which wraps around.
    map.data[i] = ((2 * (255 - inverse)) & 255) > threshold ? 255 : 0;
  }
  return map;
}

const DIRECTIONS = [
  [1, 0],
  [0, 1],
  [1, 1],
  [1, -1],
] as const;

/**
 * A scribble as a hand would draw it, from soft edges: thinned to the ridges of their blur, then thickened
 * (ControlNet `gradio_fake_scribble2image.py`).
 * @param softEdges `[height, width, 1]`, bytes, bright on dark
 * @returns `[height, width, 1]`: 0 or 255
 * @throws ControlNetError `shape`
 */
export function fakeScribble(softEdges: Image): ByteImage {
  assertImage("fakeScribble", softEdges, [1]);
  const thick = gaussianBlur(ridges(softEdges, 127, 3), 3);
  for (let i = 0; i < thick.data.length; i++) thick.data[i] = thick.data[i]! > 4 ? 255 : 0;
  return thick;
}

/** White where the blur is above `threshold` and not below its neighbours along at least one of four directions. */
function ridges(image: Image, threshold: number, sigma: number): ByteImage {
  const { data, width, height } = gaussianBlurFloat(toFloat(image), sigma);
  const result = blankImage(width, height, 1);
  const at = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? Number.NEGATIVE_INFINITY : data[y * width + x]!;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const value = data[i]!;
      if (value <= threshold) continue;
      if (DIRECTIONS.some(([dx, dy]) => value >= at(x - dx, y - dy) && value >= at(x + dx, y + dy)))
        result.data[i] = 255;
    }
  return result;
}
