import type { Image } from "@controlnet-js/core";
import type { Keypoint } from "@controlnet-js/preprocessors";
import { channelAtSize, type HeatMaps, type SeenSize } from "../planes/heat-maps.js";
import { smoothPlane } from "../planes/smooth-plane.js";

const JOINTS = 21;
/** Side of the maps in which the joints are looked for. */
const SIDE = 128;
const SIGMA = 3;
const THRESHOLD = 0.05;

/**
 * The joints of a hand from the hand network's maps at several scales: their mean at 128x128; of each joint's map the
 * connected part above 0.05 (smoothed) with the largest sum, and in it the largest value.
 * @param scales maps `[size / 8, size / 8, 22]` with the size without padding that the network saw
 * @param size side of the square that they show, in whose pixels the joints are
 * @returns 21 joints, null where nothing is or where the joint would touch the square's left or upper edge
 */
export function decodeHand(
  scales: readonly { maps: HeatMaps; seen: SeenSize }[],
  size: number,
): (Keypoint | null)[] {
  return Array.from({ length: JOINTS }, (_, joint) => {
    const map = meanMap(scales, joint);
    const part = strongestPart(map.data, smoothPlane(map, SIGMA));
    if (!part) return null;
    let best = -1;
    // The rest of the map counts as zero, as in the reference.
    for (let i = 0; i < map.data.length; i++)
      if (best < 0 || (part[i] ? map.data[i]! : 0) > (part[best] ? map.data[best]! : 0)) best = i;
    const x = Math.trunc(((best % SIDE) * size) / SIDE);
    const y = Math.trunc((Math.floor(best / SIDE) * size) / SIDE);
    return x > 0 && y > 0 ? { x, y, score: Math.min(1, map.data[best]!) } : null;
  });
}

function meanMap(scales: readonly { maps: HeatMaps; seen: SeenSize }[], joint: number): Image<Float32Array> {
  const mean = new Float64Array(SIDE * SIDE);
  for (const { maps, seen } of scales) {
    const { data } = channelAtSize(maps, joint, seen, SIDE, SIDE);
    for (let i = 0; i < mean.length; i++) mean[i]! += data[i]! / scales.length;
  }
  return { data: Float32Array.from(mean), width: SIDE, height: SIDE, channels: 1 };
}

/** A mask of the 8-connected part above the threshold whose values have the largest sum; the first of equals. */
function strongestPart(values: Float32Array, smooth: Float64Array): Uint8Array | undefined {
  const seen = new Uint8Array(values.length);
  let best: Uint8Array | undefined;
  let bestSum = Number.NEGATIVE_INFINITY;
  for (let start = 0; start < values.length; start++) {
    if (seen[start] || smooth[start]! <= THRESHOLD) continue;
    const part = new Uint8Array(values.length);
    const stack = [start];
    seen[start] = 1;
    let sum = 0;
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      part[i] = 1;
      sum += values[i]!;
      for (const next of neighbours(i))
        if (!seen[next] && smooth[next]! > THRESHOLD) {
          seen[next] = 1;
          stack.push(next);
        }
    }
    if (sum > bestSum) [best, bestSum] = [part, sum];
  }
  return best;
}

function neighbours(i: number): number[] {
  const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
  const found: number[] = [];
  for (let v = Math.max(0, y - 1); v <= Math.min(SIDE - 1, y + 1); v++)
    for (let u = Math.max(0, x - 1); u <= Math.min(SIDE - 1, x + 1); u++)
      if (u !== x || v !== y) found.push(v * SIDE + u);
  return found;
}
