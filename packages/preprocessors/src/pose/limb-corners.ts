import { type Corners, ellipseCorners, roomForCorners } from "../ellipse-corners.js";
import type { Keypoint } from "./pose.js";

const HALF_WIDTH = 4;
const corners = /* @__PURE__ */ roomForCorners();

/** The polygon of the limb between two joints, an ellipse as long as it and eight pixels wide; valid until the next call. */
export function limbCorners(a: Keypoint, b: Keypoint): Corners {
  const centre = { x: Math.trunc((a.x + b.x) / 2), y: Math.trunc((a.y + b.y) / 2) };
  const length = Math.sqrt((a.y - b.y) ** 2 + (a.x - b.x) ** 2);
  const degrees = Math.trunc(Math.atan2(a.y - b.y, a.x - b.x) * (180 / Math.PI));
  ellipseCorners(centre, { x: Math.trunc(length / 2), y: HALF_WIDTH }, degrees, corners);
  return corners;
}
