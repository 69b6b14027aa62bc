import { ControlNetError } from "@controlnet-js/core";
import { drawLine } from "../draw.js";
import type { Segment } from "../hough-segments.js";
import { type ByteImage, blankImage } from "../image.js";

/**
 * Line segments as the field draws them: white, one pixel wide, on black (ControlNet `annotator/mlsd`).
 * @param segments in pixels; fractions are cut off
 * @returns `[height, width, 1]`
 * @throws ControlNetError `shape`, or `range` for an end that is not finite
 */
export function drawSegments(segments: readonly Segment[], width: number, height: number): ByteImage {
  const map = blankImage(width, height, 1);
  for (const { x1, y1, x2, y2 } of segments) {
    if (![x1, y1, x2, y2].every(Number.isFinite))
      throw new ControlNetError(
        "range",
        `drawSegments: a segment goes from (${x1}, ${y1}) to (${x2}, ${y2})`,
      );
    drawLine(map, { x: Math.trunc(x1), y: Math.trunc(y1) }, { x: Math.trunc(x2), y: Math.trunc(y2) }, [255]);
  }
  return map;
}
