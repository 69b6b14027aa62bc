import { ControlNetError, type Image } from "@controlnet-js/core";
import { type ByteImage, blankImage, toRgb } from "../image.js";

/**
 * The brightness of a picture without its colours, for recolouring: CIE L* (`"luminance"`) or the largest channel
 * (`"intensity"`), raised to `gamma` (the web UI's `recolor_luminance` and `recolor_intensity`).
 * @param image `[height, width, 1 or 3]`
 * @returns `[height, width, 1]`
 * @throws ControlNetError `shape` or `range`
 */
export function recolour(
  image: Image,
  options: { of?: "luminance" | "intensity"; gamma?: number } = {},
): ByteImage {
  const { of = "luminance", gamma = 1 } = options;
  if (!(gamma > 0 && gamma <= 10))
    throw new ControlNetError("range", `recolour: expected a gamma above 0 and at most 10, got ${gamma}`);
  const { data, width, height } = toRgb(image);
  const map = blankImage(width, height, 1);
  const linear = Float64Array.from({ length: 256 }, (_, v) => {
    const value = v / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  for (let i = 0, j = 0; i < map.data.length; i++, j += 3) {
    const [r, g, b] = [data[j]!, data[j + 1]!, data[j + 2]!];
    const bright =
      of === "intensity"
        ? Math.max(r, g, b)
        : Math.round(lightness(0.212671 * linear[r]! + 0.71516 * linear[g]! + 0.072169 * linear[b]!) * 2.55);
    map.data[i] = gamma === 1 ? bright : Math.min(255, (bright / 255) ** gamma * 255 + 1e-6);
  }
  return map;
}

/** CIE L* in 0-100 of a luminance in 0-1. */
function lightness(luminance: number): number {
  return luminance > 0.008856 ? 116 * Math.cbrt(luminance) - 16 : 903.3 * luminance;
}
