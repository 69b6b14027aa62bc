import type { Point } from "./draw.js";
import { roundHalfEven } from "./round-half-even.js";

/** A polygon with whole-numbered corners: the first `count` of `x` and `y`. */
export interface Corners {
  x: Int32Array;
  y: Int32Array;
  count: number;
}

/** Room for the corners of one ellipse after another. */
export const roomForCorners = (): Corners => ({ x: new Int32Array(361), y: new Int32Array(361), count: 0 });

/**
 * The polygon of a whole ellipse with one corner a degree, rounded to pixels, without repeated corners
 * (`cv2.ellipse2Poly`, whose table of sines has seven digits).
 * @param angle of the first axis, in whole degrees
 * @param corners takes the polygon
 */
export function ellipseCorners(centre: Point, axes: Point, angle: number, corners: Corners): void {
  const { x: xs, y: ys } = corners;
  const turned = ((angle % 360) + 360) % 360;
  const cosine = SINES[450 - turned]!;
  const sine = SINES[turned]!;
  let count = 0;
  for (let degree = 0; degree <= 360; degree++) {
    const along = axes.x * SINES[450 - degree]!;
    const across = axes.y * SINES[degree]!;
    const x = roundHalfEven(centre.x + along * cosine - across * sine);
    const y = roundHalfEven(centre.y + along * sine + across * cosine);
    if (count > 0 && x === xs[count - 1] && y === ys[count - 1]) continue;
    xs[count] = x;
    ys[count++] = y;
  }
  corners.count = count;
}

/** Sines of 0 to 450 whole degrees. */
const SINES = /* @__PURE__ */ Float64Array.from({ length: 451 }, (_, degrees) =>
  Math.fround(Math.round(Math.sin((degrees * Math.PI) / 180) * 1e7) / 1e7),
);
