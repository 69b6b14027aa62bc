import type { Camera } from "./scene.js";
import type { Vector } from "./vector.js";

/** A projected point: pixels from the top left corner, and metres along the view axis. */
export interface Projected {
  x: number;
  y: number;
  depth: number;
}

/** Camera axes: `right` is +x; all are unit vectors. */
export interface View {
  position: Vector;
  up: Vector;
  forward: Vector;
  /** Half the image's height in metres at 1 m distance. */
  tangent: number;
}

/** The axes of a camera. */
export function viewOf(camera: Camera): View {
  const s = Math.sin(camera.pitch);
  const c = Math.cos(camera.pitch);
  return {
    position: camera.position,
    up: [0, c, -s],
    forward: [0, -s, -c],
    tangent: Math.tan(camera.fieldOfView / 2),
  };
}

/** A world point in the picture. The field of view belongs to the shorter side. */
export function project(view: View, point: Vector, width: number, height: number): Projected {
  const x = point[0] - view.position[0];
  const y = point[1] - view.position[1];
  const z = point[2] - view.position[2];
  const depth = view.forward[1] * y + view.forward[2] * z;
  const up = view.up[1] * y + view.up[2] * z;
  const focal = Math.min(width, height) / 2 / view.tangent;
  return { x: width / 2 + (x / depth) * focal, y: height / 2 - (up / depth) * focal, depth };
}

/** The ray through a point of the picture (pixels); one metre long along the view axis. */
export function rayThrough(view: View, x: number, y: number, width: number, height: number): Vector {
  const perPixel = (2 * view.tangent) / Math.min(width, height);
  const up = (height / 2 - y) * perPixel;
  return [(x - width / 2) * perPixel, view.forward[1] + up * view.up[1], view.forward[2] + up * view.up[2]];
}
