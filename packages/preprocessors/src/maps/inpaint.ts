import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage, toRgb } from "../image.js";

/**
 * The map of the inpainting ControlNet: the picture in [0, 1], and -1 in all channels where it is to be painted anew
 * (ControlNet 1.1 `inpaint`).
 * @param image `[height, width, 1 or 3]`
 * @param mask `[height, width, channels]`: painted anew where its first channel is above 127
 * @returns `[height, width, 3]`, floats
 * @throws ControlNetError `shape` where the sizes differ
 */
export function inpaintMap(image: Image, mask: Image): Image<Float32Array> {
  const rgb = toRgb(image);
  assertImage("inpaintMap", mask);
  if (mask.width !== rgb.width || mask.height !== rgb.height)
    throw new ControlNetError(
      "shape",
      `inpaintMap: expected a mask of ${rgb.width}x${rgb.height}, got ${mask.width}x${mask.height}`,
    );
  const data = Float32Array.from(rgb.data, (value) => value / 255);
  for (let i = 0; i < rgb.width * rgb.height; i++)
    if (mask.data[i * mask.channels]! > 127) data.fill(-1, i * 3, i * 3 + 3);
  return { ...rgb, data };
}
