import type { Image } from "@controlnet-js/core";
import { nearest } from "./hough-lines-plain.js";
import { opencvRandom } from "./opencv-random.js";
import { roundHalfEven } from "./round-half-even.js";

/** A piece of a straight line between two pixels. */
export interface Segment {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

/** A request in whole votes and pixels. */
export interface SegmentsRequest {
  /** Cosines and sines of every angle, over the step of rho. */
  tables: { cosines: Float32Array; sines: Float32Array };
  /** How many steps of rho there are. */
  distances: number;
  threshold: number;
  length: number;
  gap: number;
}

/** One step along a line: a whole pixel on its longer axis, 16-bit fixed point on the other. */
export interface WalkSteps {
  alongX: boolean;
  dx: number;
  dy: number;
}

/**
 * Cells before and behind the accumulator: where a step of rho is longer than the picture's sides, a vote may fall into
 * the next angle's row, and that of the last angle behind all rows.
 */
export const MARGIN = 4;

const SHIFT = 16;
const ONE = 1 << SHIFT;

/** The steps along the direction (a, b). */
export function walkSteps(a: number, b: number): WalkSteps {
  return Math.abs(a) > Math.abs(b)
    ? { alongX: true, dx: a > 0 ? 1 : -1, dy: roundHalfEven(Math.fround(b * ONE) / Math.abs(a)) }
    : { alongX: false, dx: roundHalfEven(Math.fround(a * ONE) / Math.abs(b)), dy: b > 0 ? 1 : -1 };
}

/** The segments in plain TypeScript: what the WebAssembly kernel is tested against, and stands in for. */
export function segmentsPlain(edges: Image, request: SegmentsRequest): Segment[] {
  const { width, height } = edges;
  const votes = new Votes(request);
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
    const angle = votes.add(x, y, request.threshold);
    if (angle < 0) continue;
    const walk = new Walk(x, y, walkSteps(-votes.sines[angle]!, votes.cosines[angle]!));
    const ends = [
      walk.end(mask, width, height, request.gap, 1),
      walk.end(mask, width, height, request.gap, -1),
    ] as const;
    const [a, b] = ends;
    const isLong = Math.abs(b.x - a.x) >= request.length || Math.abs(b.y - a.y) >= request.length;
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

  constructor({ tables, distances }: SegmentsRequest) {
    this.cosines = tables.cosines;
    this.sines = tables.sines;
    this.distances = distances;
    this.counts = new Int32Array(tables.cosines.length * distances + 2 * MARGIN);
  }

  /** Votes for every line through a point: the best one's angle, or -1 where none has `threshold` votes. */
  add(x: number, y: number, threshold: number): number {
    const { cosines, sines, counts, distances } = this;
    let best = threshold - 1;
    let bestAngle = -1;
    let row = MARGIN + Math.trunc((distances - 1) / 2);
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
    let row = MARGIN + Math.trunc((distances - 1) / 2);
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

  constructor(x: number, y: number, { alongX, dx, dy }: WalkSteps) {
    this.alongX = alongX;
    this.dx = dx;
    this.dy = dy;
    this.x = alongX ? x : x * ONE + ONE / 2;
    this.y = alongX ? y * ONE + ONE / 2 : y;
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
