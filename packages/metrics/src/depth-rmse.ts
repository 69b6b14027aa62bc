import type { Image } from "@controlnet-js/core";
import { assertSameSize } from "./same-size.js";

/**
 * The root of the mean squared difference of two depth maps, each scaled to [0, 1] by its smallest and largest value first:
 * depth from one picture is known up to scale and shift only (Ranftl et al., "Towards robust monocular depth estimation",
 * 2020). A flat map is 0 everywhere. Read from the first channel; 0 is best, 1 worst.
 * @throws ControlNetError `shape` where the sizes differ
 */
export function depthRmse(found: Image, wanted: Image): number {
  const pixels = assertSameSize("depthRmse", found, wanted);
  const [a, b] = [normalised(found, pixels), normalised(wanted, pixels)];
  let sum = 0;
  for (let i = 0; i < pixels; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / pixels);
}

function normalised({ data, channels }: Image, pixels: number): Float64Array {
  const values = Float64Array.from({ length: pixels }, (_, i) => data[i * channels]!);
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), 0);
  return values.map((value) => (high === low ? 0 : (value - low) / (high - low)));
}
