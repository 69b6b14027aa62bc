import { ellipseCorners, roomForCorners } from "../ellipse-corners.js";
import { polygonSpans, type RowSpans, roomForSpans } from "../row-spans.js";
import type { Keypoint } from "./pose.js";

/** The pixels of the limb between two joints; valid until the next call. */
export type LimbSpans = (a: Keypoint, b: Keypoint) => RowSpans;

const HALF_WIDTH = 4;

/** Limbs on a canvas: each is an ellipse, as long as the limb and eight pixels wide. */
export function limbSpans(width: number, height: number): LimbSpans {
  const spans = roomForSpans(width, height);
  const corners = roomForCorners();
  return (a, b) => {
    const centre = { x: Math.trunc((a.x + b.x) / 2), y: Math.trunc((a.y + b.y) / 2) };
    const length = Math.sqrt((a.y - b.y) ** 2 + (a.x - b.x) ** 2);
    const degrees = Math.trunc(Math.atan2(a.y - b.y, a.x - b.x) * (180 / Math.PI));
    ellipseCorners(centre, { x: Math.trunc(length / 2), y: HALF_WIDTH }, degrees, corners);
    polygonSpans(corners, spans);
    return spans;
  };
}
