import type { Camera } from "./scene.js";
import { add, dot, scaleBy, subtract, type Vector } from "./vector.js";

/** A projected point: pixels from the top left corner, and metres along the view axis. */
export interface Projected {
  x: number;
  y: number;
  depth: number;
}

/** Camera axes, unit vectors. */
export interface View {
  position: Vector;
  right: Vector;
  up: Vector;
  forward: Vector;
  /** Half the image's height in metres at 1 m distance. */
  tangent: number;
}

/** The axes of a camera. */
export function viewOf(camera: Camera): View {
  const { pitch, yaw = 0, roll = 0 } = camera;
  const [s, c] = [Math.sin(pitch), Math.cos(pitch)];
  const [sy, cy] = [Math.sin(yaw), Math.cos(yaw)];
  const level: Vector = [cy, 0, -sy];
  const up: Vector = [-sy * s, c, -cy * s];
  const turned = (a: Vector, b: Vector, sign: number): Vector =>
    add(scaleBy(a, Math.cos(roll)), scaleBy(b, sign * Math.sin(roll)));
  return {
    position: camera.position,
    right: turned(level, up, 1),
    up: turned(up, level, -1),
    forward: [-sy * c, -s, -cy * c],
    tangent: Math.tan(camera.fieldOfView / 2),
  };
}

/** A world point in the picture. The field of view belongs to the shorter side. */
export function project(view: View, point: Vector, width: number, height: number): Projected {
  const away = subtract(point, view.position);
  const depth = dot(view.forward, away);
  const right = dot(view.right, away);
  const up = dot(view.up, away);
  const focal = Math.min(width, height) / 2 / view.tangent;
  return { x: width / 2 + (right / depth) * focal, y: height / 2 - (up / depth) * focal, depth };
}

/** The ray through a point of the picture (pixels); one metre long along the view axis. */
export function rayThrough(view: View, x: number, y: number, width: number, height: number): Vector {
  const perPixel = (2 * view.tangent) / Math.min(width, height);
  const right = (x - width / 2) * perPixel;
  const up = (height / 2 - y) * perPixel;
  const { forward, right: r, up: u } = view;
  return [
    forward[0] + right * r[0] + up * u[0],
    forward[1] + right * r[1] + up * u[1],
    forward[2] + right * r[2] + up * u[2],
  ];
}
