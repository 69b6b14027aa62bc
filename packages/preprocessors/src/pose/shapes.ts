import type { Colour, Point } from "../draw.js";
import { ellipseReach } from "../ellipse-corners.js";
import type { Keypoint } from "./pose.js";

/** A limb, which is an ellipse eight pixels wide, or a joint, which is a circle, on a canvas. */
export interface Shape {
  kind: "limb" | "circle";
  centre: Point;
  /** Half the length of a limb. */
  radius: number;
  /** Of a limb, in whole degrees from 0 to 359. */
  angle: number;
  /** The rows where it may lie, cut at the canvas' borders; none where `top` is below `bottom`. */
  top: number;
  bottom: number;
  /** Whether all of it lies inside the canvas. */
  isInside: boolean;
  colour: Colour;
  /** Whether the colour is laid over what is there, at 60 %. */
  isBlended: boolean;
}

/** Half the width of a limb. */
export const HALF_WIDTH = 4;

/** The limb between two joints. */
export function limb(
  canvas: { width: number; height: number },
  a: Keypoint,
  b: Keypoint,
  colour: Colour,
  isBlended: boolean,
): Shape {
  const centre = { x: Math.trunc((a.x + b.x) / 2), y: Math.trunc((a.y + b.y) / 2) };
  const radius = Math.trunc(Math.sqrt((a.y - b.y) ** 2 + (a.x - b.x) ** 2) / 2);
  const degrees = Math.trunc(Math.atan2(a.y - b.y, a.x - b.x) * (180 / Math.PI));
  const angle = degrees < 0 ? degrees + 360 : degrees;
  const reach = ellipseReach({ x: radius, y: HALF_WIDTH }, angle);
  return { kind: "limb", centre, radius, angle, colour, isBlended, ...placed(canvas, centre, reach) };
}

/** A joint. */
export function circle(
  canvas: { width: number; height: number },
  centre: Point,
  radius: number,
  colour: Colour,
): Shape {
  const reach = { x: radius, y: radius };
  return {
    kind: "circle",
    centre,
    radius,
    angle: 0,
    colour,
    isBlended: false,
    ...placed(canvas, centre, reach),
  };
}

function placed({ width, height }: { width: number; height: number }, { x, y }: Point, reach: Point) {
  const isBeside = x + reach.x < 0 || x - reach.x >= width;
  return {
    top: Math.max(0, y - reach.y),
    bottom: isBeside ? -1 : Math.min(height - 1, y + reach.y),
    isInside: x >= reach.x && x + reach.x < width && y >= reach.y && y + reach.y < height,
  };
}
