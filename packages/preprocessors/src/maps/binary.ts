import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage, toGrey } from "../image.js";

/**
 * White where a picture is dark: ink on paper as a map. Without a threshold, Otsu's (1979) is taken, which
 * separates the histogram best, as `cv2.threshold(..., THRESH_OTSU)` does.
 * @param image `[height, width, 1 or 3]`
 * @param threshold grey values above it are paper; 0-255
 * @returns `[height, width, 1]`
 * @throws ControlNetError `shape` or `range`
 */
export function binary(image: Image, threshold?: number): ByteImage {
  if (threshold !== undefined && !(threshold >= 0 && threshold <= 255))
    throw new ControlNetError("range", `binary: expected a threshold of 0 to 255, got ${threshold}`);
  const grey = toGrey(image);
  const limit = threshold ?? otsuThreshold(grey);
  const map = blankImage(grey.width, grey.height, 1);
  for (let i = 0; i < map.data.length; i++) map.data[i] = grey.data[i]! > limit ? 0 : 255;
  return map;
}

/**
 * The grey value that separates dark from bright with the largest variance between the two. Where several do so as well,
 * as in drawings of few evenly spaced greys, it is OpenCV's own; Intel's IPP within OpenCV may take another.
 * @param image `[height, width, 1]`
 * @returns 0-255: pixels above it are bright
 * @throws ControlNetError `shape`
 */
export function otsuThreshold(image: Image): number {
  assertImage("otsuThreshold", image, [1]);
  const histogram = new Float64Array(256);
  for (let i = 0; i < image.data.length; i++) histogram[image.data[i]!]!++;
  const scale = 1 / image.data.length;
  let mean = 0;
  for (let v = 0; v < 256; v++) mean += v * histogram[v]!;
  mean *= scale;
  let best = 0;
  let bestVariance = 0;
  let dark = 0;
  let darkMean = 0;
  for (let v = 0; v < 256; v++) {
    const share = histogram[v]! * scale;
    darkMean *= dark;
    dark += share;
    const bright = 1 - dark;
    if (Math.min(dark, bright) < 2 ** -23 || Math.max(dark, bright) > 1 - 2 ** -23) continue;
    darkMean = (darkMean + v * share) / dark;
    const brightMean = (mean - dark * darkMean) / bright;
    const apart = darkMean - brightMean;
    // In OpenCV's order: where two thresholds separate as well, the last bit decides.
    const variance = dark * bright * apart * apart;
    if (variance > bestVariance) {
      bestVariance = variance;
      best = v;
    }
  }
  return best;
}

/** Every value as 255 minus itself: black on white becomes white on black. Any number of channels. */
export function invert(image: Image): ByteImage {
  assertImage("invert", image);
  return { ...image, data: Uint8Array.from(image.data, (value) => 255 - value) };
}
