import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertChoice } from "../assert-choice.js";
import { type ByteImage, blankImage, toRgb } from "../image.js";
import { roundHalfEven } from "../round-half-even.js";

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
  assertChoice("recolour", "of", of, ["luminance", "intensity"]);
  const { data, width, height } = toRgb(image);
  const map = blankImage(width, height, 1);
  const bright = of === "intensity" ? Math.max : lightnessOf();
  for (let i = 0, j = 0; i < map.data.length; i++, j += 3) {
    const value = bright(data[j]!, data[j + 1]!, data[j + 2]!);
    map.data[i] = gamma === 1 ? value : Math.min(255, (value / 255) ** gamma * 255 + 1e-6);
  }
  return map;
}

/** CIE L* in 0-255 of sRGB bytes, in the fixed point of `cv2.cvtColor(..., COLOR_RGB2LAB)`. */
function lightnessOf(): (r: number, g: number, b: number) => number {
  // 255 is 2040 here: three bits after the point.
  const linear = Int32Array.from({ length: 256 }, (_, byte) => {
    const value = byte / 255;
    return roundHalfEven(2040 * (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  });
  const levels = Uint8Array.from({ length: 2041 }, (_, luminance) => {
    const y = luminance / 2040;
    const root = roundHalfEven(32768 * (y < 216 / 24389 ? (y * 841) / 108 + 16 / 116 : Math.cbrt(y)));
    return (296 * root - 1336934 + 16384) >> 15;
  });
  return (r, g, b) => levels[(871 * linear[r]! + 2929 * linear[g]! + 296 * linear[b]! + 2048) >> 12]!;
}
