import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertFloats, type ByteImage, blankImage } from "../image.js";

/**
 * Edge probabilities as a map. `safe` leaves three steps only, which hides what a soft edge tells of the picture
 * behind it: floor(3 x) / 2 (ControlNet 1.1 `annotator/util.py`, `safe_step`).
 * @param edges `[height, width, 1]` in [0, 1], as HED gives them
 * @returns `[height, width, 1]`
 * @throws ControlNetError `shape`, or `range` for values outside [0, 1]
 */
export function softEdges(edges: Image<Float32Array>, options: { safe?: boolean } = {}): ByteImage {
  assertFloats("softEdges", edges, [1]);
  const map = blankImage(edges.width, edges.height, 1);
  for (let i = 0; i < map.data.length; i++) {
    const value = edges.data[i]!;
    if (!(value >= 0 && value <= 1))
      throw new ControlNetError("range", `softEdges: expected values in [0, 1], got ${value} at pixel ${i}`);
    map.data[i] = Math.min(255, (options.safe ? Math.floor(Math.fround(value * 3)) / 2 : value) * 255);
  }
  return map;
}
