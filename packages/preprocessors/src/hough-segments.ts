import { ControlNetError, type Image } from "@controlnet-js/core";
import { angleCount, assertAccumulator, assertHoughSteps } from "./hough-lines.js";
import { type Segment, segmentsPlain } from "./hough-segments-plain.js";
import { assertImage } from "./image.js";
import { segmentsKernel } from "./kernels/hough-kernels.js";
import { roundHalfEven } from "./round-half-even.js";

export type { Segment };

/** What {@link houghSegments} can be asked. */
export interface HoughSegmentsOptions {
  /** Step of rho in pixels. Default 1. */
  rho?: number;
  /** Step of theta in radians. Default pi / 180. */
  theta?: number;
  /** A line needs at least this many votes. Default 50. */
  threshold?: number;
  /** Shorter segments are dropped, in pixels. Default 30. */
  minLength?: number;
  /** Larger gaps end a segment, in pixels. Default 10. */
  maxGap?: number;
}

/**
 * Line segments by the progressive probabilistic Hough transform (Matas, Galambos and Kittler, 2000), equal to
 * those of `cv2.HoughLinesP` in their order: the points are drawn by OpenCV's generator with its own seed.
 * @param edges `[height, width, 1]`: every value above 0 is a point
 * @throws ControlNetError `shape` or `range`
 */
export function houghSegments(edges: Image, options: HoughSegmentsOptions = {}): Segment[] {
  assertImage("houghSegments", edges, [1]);
  const { threshold: votesNeeded = 50, minLength = 30, maxGap = 10 } = options;
  const rho = Math.fround(options.rho ?? 1);
  const theta = Math.fround(options.theta ?? Math.PI / 180);
  assertHoughSteps("houghSegments", rho, theta, votesNeeded);
  if (!Number.isFinite(minLength) || !Number.isFinite(maxGap))
    throw new ControlNetError(
      "range",
      `houghSegments: expected finite lengths, got minLength ${minLength} and maxGap ${maxGap}`,
    );
  const distances = roundHalfEven(((edges.width + edges.height) * 2 + 1) / rho);
  assertAccumulator("houghSegments", angleCount(0, Math.PI, theta), distances);
  const request = {
    tables: angleTables(rho, theta),
    distances,
    threshold: Math.trunc(votesNeeded),
    length: roundHalfEven(minLength),
    gap: roundHalfEven(maxGap),
  };
  return segmentsKernel(edges, request) ?? segmentsPlain(edges, request);
}

/** Cosines and sines of every angle over rho. */
function angleTables(rho: number, theta: number): { cosines: Float32Array; sines: Float32Array } {
  const length = angleCount(0, Math.PI, theta);
  const inverse = Math.fround(1 / rho);
  return {
    cosines: Float32Array.from({ length }, (_, n) => Math.cos(n * theta) * inverse),
    sines: Float32Array.from({ length }, (_, n) => Math.sin(n * theta) * inverse),
  };
}
