import type { Image } from "@controlnet-js/core";
import { type ByteImage, resize } from "@controlnet-js/preprocessors";
import { CELL, type SeenSize } from "../planes/heat-maps.js";

/** The height at which OpenPose's networks were trained, in pixels. */
export const BOX = 368;

/** What fills the border to whole cells: grey. */
const PADDING = 128;

/** A picture as an OpenPose network takes it. */
export interface NetworkInput {
  /** `[height, width, 3]`, BGR / 256 - 0.5, padded to whole cells. */
  picture: Image<Float32Array>;
  /** Its size without the padding. */
  seen: SeenSize;
}

/**
 * Brings an RGB picture to a size (area when shrinking, Lanczos when enlarging), pads it with grey to the right and below
 * to multiples of 8, and makes it BGR / 256 - 0.5 (controlnet_aux `open_pose/util.py`).
 */
export function networkInput(image: ByteImage, width: number, height: number): NetworkInput {
  const shrinks = width + height < image.width + image.height;
  const sized = resize(image, width, height, shrinks ? "area" : "lanczos4");
  const padded = { width: Math.ceil(width / CELL) * CELL, height: Math.ceil(height / CELL) * CELL };
  const data = new Float32Array(padded.width * padded.height * 3).fill(PADDING / 256 - 0.5);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++)
        data[(y * padded.width + x) * 3 + c] = sized.data[(y * width + x) * 3 + 2 - c]! / 256 - 0.5;
  return { picture: { data, ...padded, channels: 3 }, seen: { width, height } };
}

/** The body network's input: half of {@link BOX} high. */
export function bodyInput(image: ByteImage): NetworkInput {
  const scale = (0.5 * BOX) / image.height;
  const side = (pixels: number) => Math.max(1, Math.trunc(pixels * scale));
  return networkInput(image, side(image.width), side(image.height));
}
