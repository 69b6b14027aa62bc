import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertFloats, assertImage, type ByteImage, blankImage } from "../image.js";

/**
 * Checks a plane of depth values.
 * @throws ControlNetError `shape` unless it has one 32-bit float a pixel, `range` for values that are not finite
 */
export function assertDepth(where: string, depth: Image<Float32Array>): void {
  assertFloats(where, depth, [1]);
  const { data } = depth;
  const broken = data.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0)
    throw new ControlNetError("range", `${where}: value ${data[broken]} at pixel ${broken} is not finite`);
}

/** Smallest and largest value. */
export function valueRange(values: Float32Array): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  return [low, high];
}

/**
 * Depth as a grey map: the nearest point is 255, the farthest 0 (ControlNet's MiDaS map).
 * @param depth `[height, width, 1]`: inverse depth, which grows towards the camera
 * @param options.inverse set to false where the values grow away from the camera (metres)
 * @returns `[height, width, 1]`; black where all values are equal
 * @throws ControlNetError `shape` or `range`
 */
export function depthMap(depth: Image<Float32Array>, options: { inverse?: boolean } = {}): ByteImage {
  assertDepth("depthMap", depth);
  const { inverse = true } = options;
  const [low, high] = valueRange(depth.data);
  const map = blankImage(depth.width, depth.height, 1);
  const span = Math.fround(high - low);
  if (span === 0) return map;
  for (let i = 0; i < map.data.length; i++) {
    const part = Math.fround(Math.fround(depth.data[i]! - low) / span);
    map.data[i] = Math.fround((inverse ? part : 1 - part) * 255);
  }
  return map;
}

/** Corner colours of the ramp that {@link colourDepth} follows, far to near. */
const RAMP = [
  [0, 0, 4],
  [87, 16, 110],
  [188, 55, 84],
  [249, 142, 9],
  [252, 255, 164],
] as const;

/**
 * A depth map in colours for the eye: dark violet is far, bright yellow near.
 * @param map `[height, width, 1]`, bytes
 * @returns `[height, width, 3]`
 * @throws ControlNetError `shape`
 */
export function colourDepth(map: Image): ByteImage {
  assertImage("colourDepth", map);
  const coloured = blankImage(map.width, map.height, 3);
  for (let i = 0; i < map.width * map.height; i++) {
    const at = (map.data[i * map.channels]! / 255) * (RAMP.length - 1);
    const first = Math.min(Math.floor(at), RAMP.length - 2);
    for (let c = 0; c < 3; c++) {
      const from = RAMP[first]![c]!;
      coloured.data[i * 3 + c] = Math.round(from + (RAMP[first + 1]![c]! - from) * (at - first));
    }
  }
  return coloured;
}
