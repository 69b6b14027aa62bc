import { ControlNetError, type Image } from "@controlnet-js/core";
import { BODY_JOINTS } from "@controlnet-js/preprocessors";
import { smoothPlane } from "../planes/smooth-plane.js";

/** A place where a joint may be. */
export interface Peak {
  x: number;
  y: number;
  /** The joint's map at this place. */
  score: number;
}

const SIGMA = 3;
const THRESHOLD = 0.1;

/**
 * More places for one joint than this are no picture of people: pairing them would take minutes. A crowd of hundreds has
 * fewer.
 */
const MAX_PEAKS = 2000;

/**
 * The local maxima above 0.1 of a joint's map, smoothed with a deviation of 3 pixels, row by row.
 * @param joint its index, for the message
 * @throws ControlNetError `data` for more than 2000
 */
export function findPeaks(map: Image<Float32Array>, joint: number): Peak[] {
  const { width, height, data } = map;
  const smooth = smoothPlane(map, SIGMA);
  const peaks: Peak[] = [];
  const at = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : smooth[y * width + x]!;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = smooth[y * width + x]!;
      if (value <= THRESHOLD) continue;
      if (value < at(x, y - 1) || value < at(x, y + 1) || value < at(x - 1, y) || value < at(x + 1, y))
        continue;
      peaks.push({ x, y, score: data[y * width + x]! });
    }
  if (peaks.length > MAX_PEAKS)
    throw new ControlNetError(
      "data",
      `openPose: ${peaks.length} places for the joint "${BODY_JOINTS[joint]}", expected at most ${MAX_PEAKS}: ` +
        "the weights are not those of a trained body network, or are damaged",
    );
  return peaks;
}
