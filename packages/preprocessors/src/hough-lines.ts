import { ControlNetError, type Image } from "@controlnet-js/core";
import { peaksPlain } from "./hough-lines-plain.js";
import { assertImage, MAX_PIXELS } from "./image.js";
import { peaksKernel } from "./kernels/hough-kernels.js";
import { roundHalfEven } from "./round-half-even.js";

/** A line as all points with `x cos(theta) + y sin(theta) = rho`. */
export interface PolarLine {
  /** Distance from the top left pixel, in pixels; may be negative. */
  rho: number;
  /** Direction of the normal in radians, in [0, pi). */
  theta: number;
  /** How many pixels voted for it. */
  votes: number;
}

/** What {@link houghLines} can be asked. */
export interface HoughLinesOptions {
  /** Step of rho in pixels. Default 1. */
  rho?: number;
  /** Step of theta in radians. Default pi / 180. */
  theta?: number;
  /** A line needs more votes than this. Default 100. */
  threshold?: number;
  /** Smallest and largest theta in radians. Default 0 and pi. */
  minTheta?: number;
  maxTheta?: number;
}

/** How many angles a sweep takes; the last is left out where it would meet the first again. */
export function angleCount(from: number, to: number, step: number): number {
  const count = Math.floor((to - from) / step) + 1;
  return count > 1 && Math.abs(Math.PI - (count - 1) * step) < step / 2 ? count - 1 : count;
}

/**
 * Throws where steps or thresholds have no meaning.
 * @throws ControlNetError `range`
 */
export function assertHoughSteps(where: string, rho: number, theta: number, threshold: number): void {
  if (!(rho > 0) || !(theta > 0) || !Number.isFinite(rho) || theta > Math.PI)
    throw new ControlNetError(
      "range",
      `${where}: expected rho > 0 and theta in (0, pi], got ${rho} and ${theta}`,
    );
  if (!Number.isFinite(threshold))
    throw new ControlNetError("range", `${where}: expected a finite threshold, got ${threshold}`);
}

/**
 * Throws where steps are so small that the votes would not fit the memory.
 * @throws ControlNetError `range`
 */
export function assertAccumulator(where: string, angles: number, distances: number): void {
  if (!(angles * distances <= MAX_PIXELS))
    throw new ControlNetError(
      "range",
      `${where}: ${angles} angles and ${distances} distances are over the limit of ${MAX_PIXELS}; take larger steps`,
    );
}

/**
 * Straight lines by the standard Hough transform (Duda and Hart, 1972), strongest first: the lines of
 * `cv2.HoughLines` in its order.
 * @param edges `[height, width, 1]`: every value above 0 votes
 * @throws ControlNetError `shape` or `range`
 */
export function houghLines(edges: Image, options: HoughLinesOptions = {}): PolarLine[] {
  assertImage("houghLines", edges, [1]);
  const { threshold = 100, minTheta = 0, maxTheta = Math.PI } = options;
  const rho = Math.fround(options.rho ?? 1);
  const theta = Math.fround(options.theta ?? Math.PI / 180);
  assertHoughSteps("houghLines", rho, theta, threshold);
  if (!(maxTheta >= minTheta) || !Number.isFinite(maxTheta - minTheta))
    throw new ControlNetError(
      "range",
      `houghLines: expected finite angles, minTheta <= maxTheta, got ${minTheta} and ${maxTheta}`,
    );
  const angles = angleCount(minTheta, maxTheta, theta);
  const distances = roundHalfEven((2 * (edges.width + edges.height) + 1) / rho);
  assertAccumulator("houghLines", angles, distances);
  const centre = Math.trunc((distances - 1) / 2) + 1;
  const request = {
    ...pointsOf(edges),
    ...angleTable(angles, minTheta, theta, rho),
    distances,
    centre,
    threshold: Math.floor(threshold),
  };
  const peaks = peaksKernel(request) ?? peaksPlain(request);
  const pitch = distances + 2;
  const order = Array.from(peaks.at, (at, i) => ({ at, votes: peaks.votes[i]! }));
  order.sort((a, b) => b.votes - a.votes || a.at - b.at);
  return order.map(({ at, votes }) => {
    const n = Math.floor(at / pitch) - 1;
    const r = at - (n + 1) * pitch - 1;
    return {
      rho: Math.fround((r - centre + 1) * rho),
      theta: Math.fround(Math.fround(minTheta) + Math.fround(n * theta)),
      votes,
    };
  });
}

function angleTable(angles: number, minTheta: number, theta: number, rho: number) {
  const inverse = Math.fround(1 / rho);
  const sines = new Float32Array(angles);
  const cosines = new Float32Array(angles);
  let angle = Math.fround(minTheta);
  for (let n = 0; n < angles; n++) {
    sines[n] = Math.sin(angle) * inverse;
    cosines[n] = Math.cos(angle) * inverse;
    angle = Math.fround(angle + theta);
  }
  return { sines, cosines };
}

function pointsOf({ data, width, height }: Image): { xs: Float32Array; ys: Float32Array } {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  const xs = new Float32Array(count);
  const ys = new Float32Array(count);
  for (let y = 0, i = 0, p = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      if (data[i] !== 0) {
        xs[p] = x;
        ys[p++] = y;
      }
  return { xs, ys };
}
