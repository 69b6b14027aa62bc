import type { Image } from "@controlnet-js/core";
import { resizePlane } from "./resize-plane.js";

/** What an OpenPose network gives for one picture: `[height, width, channels]`, an eighth of its input's size. */
export type HeatMaps = Image<Float32Array>;

/** The size of a picture as the network saw it, without the padding to whole cells. */
export interface SeenSize {
  width: number;
  height: number;
}

/** Pixels of its input for each pixel of a network's output. */
export const CELL = 8;

/**
 * One channel brought to the size of the picture: eight times larger, the padding cut off, then resized
 * (controlnet_aux `open_pose/body.py`).
 */
export function channelAtSize(
  maps: HeatMaps,
  channel: number,
  seen: SeenSize,
  width: number,
  height: number,
): Image<Float32Array> {
  const small: Image<Float32Array> = {
    data: Float32Array.from(
      { length: maps.width * maps.height },
      (_, i) => maps.data[i * maps.channels + channel]!,
    ),
    width: maps.width,
    height: maps.height,
    channels: 1,
  };
  const large = resizePlane(small, maps.width * CELL, maps.height * CELL);
  const cut = new Float32Array(seen.width * seen.height);
  for (let y = 0; y < seen.height; y++)
    cut.set(large.data.subarray(y * large.width, y * large.width + seen.width), y * seen.width);
  return resizePlane({ data: cut, ...seen, channels: 1 }, width, height);
}
