import { ControlNetError, type Image } from "@controlnet-js/core";
import { angleCount, assertHoughSteps, nearest } from "./hough-lines.js";
import { assertImage } from "./image.js";
import { opencvRandom } from "./opencv-random.js";
import { roundHalfEven } from "./round-half-even.js";

/** A piece of a straight line between two pixels. */
export interface Segment {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

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

const SHIFT = 16;
const ONE = 1 << SHIFT;

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
  const threshold = Math.trunc(votesNeeded);
  const length = roundHalfEven(minLength);
  const gap = roundHalfEven(maxGap);
  const { width, height } = edges;
  const votes = new Votes(width, height, rho, theta);
  const mask = Uint8Array.from(edges.data, (value) => (value === 0 ? 0 : 1));
  const points = new Int32Array(mask.reduce((sum, value) => sum + value, 0));
  for (let i = 0, p = 0; i < mask.length; i++) if (mask[i]) points[p++] = i;

  const random = opencvRandom();
  const segments: Segment[] = [];
  for (let left = points.length; left > 0; left--) {
    const drawn = random(left);
    const point = points[drawn]!;
    points[drawn] = points[left - 1]!;
    if (!mask[point]) continue;
    const x = point % width;
    const y = (point - x) / width;
    const angle = votes.add(x, y, threshold);
    if (angle < 0) continue;
    const walk = new Walk(x, y, -votes.sines[angle]!, votes.cosines[angle]!);
    const ends = [walk.end(mask, width, height, gap, 1), walk.end(mask, width, height, gap, -1)] as const;
    const [a, b] = ends;
    const isLong = Math.abs(b.x - a.x) >= length || Math.abs(b.y - a.y) >= length;
    walk.clear(mask, width, a, 1, isLong ? votes : undefined);
    walk.clear(mask, width, b, -1, isLong ? votes : undefined);
    if (isLong) segments.push({ x1: a.x, y1: a.y, x2: b.x, y2: b.y });
  }
  return segments;
}

/** The accumulator: one row an angle. */
class Votes {
  readonly cosines: Float32Array;
  readonly sines: Float32Array;
  private readonly counts: Int32Array;
  private readonly distances: number;

  constructor(width: number, height: number, rho: number, theta: number) {
    const angles = angleCount(0, Math.PI, theta);
    const inverse = Math.fround(1 / rho);
    this.distances = roundHalfEven(((width + height) * 2 + 1) / rho);
    this.counts = new Int32Array(angles * this.distances);
    this.cosines = Float32Array.from({ length: angles }, (_, n) => Math.cos(n * theta) * inverse);
    this.sines = Float32Array.from({ length: angles }, (_, n) => Math.sin(n * theta) * inverse);
  }

  /** Votes for every line through a point: the best one's angle, or -1 where none has `threshold` votes. */
  add(x: number, y: number, threshold: number): number {
    const { cosines, sines, counts, distances } = this;
    let best = threshold - 1;
    let bestAngle = -1;
    let row = Math.trunc((distances - 1) / 2);
    for (let n = 0; n < cosines.length; n++, row += distances) {
      const count = ++counts[row + nearest(x, cosines[n]!, y, sines[n]!)]!;
      if (count > best) {
        best = count;
        bestAngle = n;
      }
    }
    return bestAngle;
  }

  remove(x: number, y: number): void {
    const { cosines, sines, counts, distances } = this;
    let row = Math.trunc((distances - 1) / 2);
    for (let n = 0; n < cosines.length; n++, row += distances)
      counts[row + nearest(x, cosines[n]!, y, sines[n]!)]!--;
  }
}

/** Steps along a line in 16-bit fixed point, one whole pixel at a time on its longer axis. */
class Walk {
  private readonly alongX: boolean;
  private readonly x: number;
  private readonly y: number;
  private readonly dx: number;
  private readonly dy: number;

  constructor(x: number, y: number, a: number, b: number) {
    this.alongX = Math.abs(a) > Math.abs(b);
    if (this.alongX) {
      this.dx = a > 0 ? 1 : -1;
      this.dy = roundHalfEven(Math.fround(b * ONE) / Math.abs(a));
      this.x = x;
      this.y = y * ONE + ONE / 2;
    } else {
      this.dx = roundHalfEven(Math.fround(a * ONE) / Math.abs(b));
      this.dy = b > 0 ? 1 : -1;
      this.x = x * ONE + ONE / 2;
      this.y = y;
    }
  }

  /** The last point of the mask before the border or a gap that is too large. */
  end(
    mask: Uint8Array,
    width: number,
    height: number,
    maxGap: number,
    sign: 1 | -1,
  ): { x: number; y: number } {
    const last = { x: 0, y: 0 };
    let gap = 0;
    for (let x = this.x, y = this.y; ; x += sign * this.dx, y += sign * this.dy) {
      const column = this.alongX ? x : x >> SHIFT;
      const row = this.alongX ? y >> SHIFT : y;
      if (column < 0 || column >= width || row < 0 || row >= height) return last;
      if (mask[row * width + column]) {
        gap = 0;
        last.x = column;
        last.y = row;
      } else if (++gap > maxGap) return last;
    }
  }

  /** Takes the points up to `end` out of the mask and, where given, out of the accumulator. */
  clear(
    mask: Uint8Array,
    width: number,
    end: { x: number; y: number },
    sign: 1 | -1,
    votes: Votes | undefined,
  ): void {
    for (let x = this.x, y = this.y; ; x += sign * this.dx, y += sign * this.dy) {
      const column = this.alongX ? x : x >> SHIFT;
      const row = this.alongX ? y >> SHIFT : y;
      const at = row * width + column;
      if (mask[at]) {
        votes?.remove(column, row);
        mask[at] = 0;
      }
      if (row === end.y && column === end.x) return;
    }
  }
}
