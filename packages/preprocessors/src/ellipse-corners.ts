import type { Point } from "./draw.js";
import { roundHalfEven } from "./round-half-even.js";

/** A polygon with whole-numbered corners. */
export interface Corners {
  x: Int32Array;
  y: Int32Array;
}

/** Room for the corners of one ellipse after another. */
export const roomForCorners = (): Corners => ({ x: new Int32Array(361), y: new Int32Array(361) });

/**
 * How far the corners of an ellipse lie from its centre at most.
 * @param angle of the first axis, in whole degrees from 0 to 359
 */
export function ellipseReach(axes: Point, angle: number): Point {
  const cosine = SINES[450 - angle]!;
  const sine = SINES[angle]!;
  return {
    x: 1 + Math.ceil(Math.hypot(axes.x * cosine, axes.y * sine)),
    y: 1 + Math.ceil(Math.hypot(axes.x * sine, axes.y * cosine)),
  };
}

/** More than what sums of positions and offsets lose of a fraction. */
const LOSS = 1e-6;

/**
 * The polygon of a whole ellipse with one corner a degree, rounded to pixels (`cv2.ellipse2Poly`, whose table of sines
 * has seven digits; it leaves out repeated corners).
 * @param centre whole numbers below a million in size, as the axes
 * @param angle of the first axis, in whole degrees from 0 to 359
 * @param corners takes the polygon
 */
export function ellipseCorners(centre: Point, axes: Point, angle: number, corners: Corners): void {
  const { x: xs, y: ys } = corners;
  const { x, y } = centre;
  const cosine = SINES[450 - angle]!;
  const sine = SINES[angle]!;
  for (let degree = 0; degree <= 180; degree++) {
    const along = axes.x * SINES[450 - degree]!;
    const across = axes.y * SINES[degree]!;
    const offsetX = along * cosine - across * sine;
    const offsetY = along * sine + across * cosine;
    const wholeX = roundHalfEven(offsetX);
    const wholeY = roundHalfEven(offsetY);
    if (Math.abs(offsetX - wholeX) < 0.5 - LOSS && Math.abs(offsetY - wholeY) < 0.5 - LOSS) {
      xs[degree] = x + wholeX;
      ys[degree] = y + wholeY;
      xs[degree + 180] = x - wholeX;
      ys[degree + 180] = y - wholeY;
    } else {
      // Between two pixels the order of the sums decides, and the other half is no mirror image.
      xs[degree] = roundHalfEven(x + along * cosine - across * sine);
      ys[degree] = roundHalfEven(y + along * sine + across * cosine);
      xs[degree + 180] = roundHalfEven(x - along * cosine + across * sine);
      ys[degree + 180] = roundHalfEven(y - along * sine - across * cosine);
    }
  }
}

/** Sines of 0 to 450 whole degrees. */
export const SINES = /* @__PURE__ */ Float64Array.from({ length: 451 }, (_, degrees) =>
  Math.fround(Math.round(Math.sin((degrees * Math.PI) / 180) * 1e7) / 1e7),
);
