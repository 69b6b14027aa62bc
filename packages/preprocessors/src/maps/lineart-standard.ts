import { ControlNetError, type Image } from "@controlnet-js/core";
import { gaussianBlurFloat, toFloat } from "../gaussian-blur.js";
import { type ByteImage, blankImage, toRgb } from "../image.js";

/**
 * Line art without a network: how much darker a pixel is than its blurred surroundings, scaled by the median of
 * what stands out (controlnet_aux `lineart_standard`).
 * @param image `[height, width, 1 or 3]`
 * @param options.sigma of the surroundings in pixels; default 6
 * @param options.threshold what is darker by less does not count for the median; default 8
 * @returns `[height, width, 1]`, white on black
 * @throws ControlNetError `shape` or `range`
 */
export function lineartStandard(
  image: Image,
  options: { sigma?: number; threshold?: number } = {},
): ByteImage {
  const { sigma = 6, threshold = 8 } = options;
  if (!(threshold >= 0 && threshold <= 255))
    throw new ControlNetError("range", `lineartStandard: expected a threshold of 0 to 255, got ${threshold}`);
  const rgb = toRgb(image);
  const blurred = gaussianBlurFloat(toFloat(rgb), sigma).data;
  const darker = new Float32Array(rgb.width * rgb.height);
  for (let i = 0, j = 0; i < darker.length; i++, j += 3) {
    const [r, g, b] = [j, j + 1, j + 2].map((k) => blurred[k]! - rgb.data[k]!) as [number, number, number];
    darker[i] = Math.min(255, Math.max(0, Math.min(r, g, b)));
  }
  const strength = Math.max(16, median(darker.filter((value) => value > threshold)));
  const map = blankImage(rgb.width, rgb.height, 1);
  for (let i = 0; i < darker.length; i++)
    map.data[i] = Math.min(255, Math.fround(Math.fround(darker[i]! / strength) * 127));
  return map;
}

/** The middle value, 0 where there is none. */
function median(values: Float32Array): number {
  if (values.length === 0) return 0;
  values.sort();
  const half = values.length >> 1;
  return values.length % 2 === 1 ? values[half]! : Math.fround((values[half - 1]! + values[half]!) / 2);
}
