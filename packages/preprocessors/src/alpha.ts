import type { Image } from "@controlnet-js/core";
import { assertImage, type ByteImage, blankImage, toRgb } from "./image.js";

/**
 * Any picture as RGB: grey is repeated, transparent parts are laid over white and truncated, as the field's
 * `HWC3` does (ControlNet `annotator/util.py`).
 * @param image `[height, width, 1, 3 or 4]`
 * @throws ControlNetError `shape`
 */
export function overWhite(image: Image): ByteImage {
  assertImage("overWhite", image, [1, 3, 4]);
  if (image.channels !== 4) return toRgb(image);
  const { data, width, height } = image;
  const rgb = blankImage(width, height, 3);
  const f = Math.fround;
  for (let i = 0, j = 0; i < data.length; i += 4, j += 3) {
    const alpha = f(data[i + 3]! / 255);
    const white = f(255 * f(1 - alpha));
    for (let c = 0; c < 3; c++) rgb.data[j + c] = Math.min(255, f(f(data[i + c]! * alpha) + white));
  }
  return rgb;
}

/**
 * 16-bit samples as bytes: the high byte, as image viewers and the field's loaders take it.
 * @param samples `[height, width, channels]`, 0-65535
 */
export function fromSixteenBits(
  samples: Uint16Array,
  width: number,
  height: number,
  channels: number,
): ByteImage {
  const image = { data: Uint8Array.from(samples, (sample) => sample >> 8), width, height, channels };
  assertImage("fromSixteenBits", image);
  return image;
}
