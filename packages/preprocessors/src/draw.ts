import type { ByteImage } from "./image.js";
import { roundHalfEven } from "./round-half-even.js";

/** A colour: one value a channel, 0-255. */
export type Colour = readonly number[];

/** A pixel position; `draw*` functions take whole numbers and clip what lies outside. */
export interface Point {
  x: number;
  y: number;
}

const ONE = 65536;

/** Draws a line of one pixel by Bresenham's steps, from left to right, as `cv2.line` does. */
export function drawLine(image: ByteImage, from: Point, to: Point, colour: Colour): void {
  const clipped = clipLine(image.width, image.height, from, to);
  if (!clipped) return;
  let [a, b] = clipped;
  if (b.x < a.x) [a, b] = [b, a];
  const dx = b.x - a.x;
  const dy = Math.abs(b.y - a.y);
  const down = b.y < a.y ? -1 : 1;
  const steep = dy > dx;
  const long = steep ? dy : dx;
  const short = steep ? dx : dy;
  let error = long - 2 * short;
  let { x, y } = a;
  for (let i = 0; i <= long; i++) {
    put(image, x, y, colour);
    const turn = error < 0;
    error += turn ? 2 * long - 2 * short : -2 * short;
    if (steep) {
      y += down;
      if (turn) x++;
    } else {
      x++;
      if (turn) y += down;
    }
  }
}

/** Draws a line of some pixels with round ends, as `cv2.line` does. */
export function drawThickLine(
  image: ByteImage,
  from: Point,
  to: Point,
  colour: Colour,
  thickness: number,
): void {
  if (thickness <= 1) {
    drawLine(image, from, to, colour);
    return;
  }
  const dx = from.x - to.x;
  const dy = to.y - from.y;
  const square = dx * dx + dy * dy;
  const half = thickness * (ONE / 2);
  if (square > 0) {
    const scale = (half + (thickness & 1) * ONE * 0.5) / Math.sqrt(square);
    const sideX = roundHalfEven(dy * scale);
    const sideY = roundHalfEven(dx * scale);
    const corner = (point: Point, sign: number) => ({
      x: point.x * ONE + sign * sideX,
      y: point.y * ONE + sign * sideY,
    });
    fillConvex(image, [corner(from, 1), corner(from, -1), corner(to, -1), corner(to, 1)], colour, 16);
  }
  const radius = Math.floor((half + ONE / 2) / ONE);
  fillCircle(image, from, radius, colour);
  fillCircle(image, to, radius, colour);
}

/** Fills a circle by the midpoint method, as `cv2.circle(..., thickness=-1)` does. */
export function fillCircle(image: ByteImage, centre: Point, radius: number, colour: Colour): void {
  let error = 0;
  let dx = radius;
  let dy = 0;
  let plus = 1;
  let minus = 2 * radius - 1;
  while (dx >= dy) {
    fillRun(image, centre.y - dy, centre.x - dx, centre.x + dx, colour);
    fillRun(image, centre.y + dy, centre.x - dx, centre.x + dx, colour);
    fillRun(image, centre.y - dx, centre.x - dy, centre.x + dy, colour);
    fillRun(image, centre.y + dx, centre.x - dy, centre.x + dy, colour);
    dy++;
    error += plus;
    plus += 2;
    if (error > 0) {
      error -= minus;
      dx--;
      minus -= 2;
    }
  }
}

/** Fills a convex polygon with whole-numbered corners, its outline included, as `cv2.fillConvexPoly` does. */
export function fillConvexPolygon(image: ByteImage, corners: readonly Point[], colour: Colour): void {
  fillConvex(image, corners, colour, 0);
}

/**
 * The polygon of a whole ellipse with one corner a degree, rounded to pixels, without repeated corners
 * (`cv2.ellipse2Poly`, whose table of sines has seven digits).
 * @param angle of the first axis, in whole degrees
 */
export function ellipsePolygon(centre: Point, axes: Point, angle: number): Point[] {
  const turned = ((angle % 360) + 360) % 360;
  const cosine = sine(450 - turned);
  const rise = sine(turned);
  const corners: Point[] = [];
  for (let degree = 0; degree <= 360; degree++) {
    const along = axes.x * sine(450 - degree);
    const across = axes.y * sine(degree);
    const x = roundHalfEven(centre.x + along * cosine - across * rise);
    const y = roundHalfEven(centre.y + along * rise + across * cosine);
    const last = corners.at(-1);
    if (last?.x !== x || last.y !== y) corners.push({ x, y });
  }
  return corners.length === 1 ? [centre, centre] : corners;
}

function sine(degrees: number): number {
  return Math.fround(Math.round(Math.sin((degrees * Math.PI) / 180) * 1e7) / 1e7);
}

function put({ data, width, channels }: ByteImage, x: number, y: number, colour: Colour): void {
  const at = (y * width + x) * channels;
  for (let c = 0; c < channels; c++) data[at + c] = colour[c]!;
}

function fillRun(image: ByteImage, y: number, from: number, to: number, colour: Colour): void {
  const { data, width, height, channels } = image;
  if (y < 0 || y >= height || to < 0 || from >= width) return;
  const start = (y * width + Math.max(0, from)) * channels;
  const end = (y * width + Math.min(width - 1, to) + 1) * channels;
  if (channels === 3) {
    const [r, g, b] = colour as [number, number, number];
    for (let i = start; i < end; i += 3) {
      data[i] = r;
      data[i + 1] = g;
      data[i + 2] = b;
    }
  } else
    for (let i = start; i < end; i += channels) for (let c = 0; c < channels; c++) data[i + c] = colour[c]!;
}

/** The part of a line inside a rectangle, cut where OpenCV cuts it: first at top and bottom, then at the sides. */
function clipLine(width: number, height: number, from: Point, to: Point): [Point, Point] | undefined {
  const right = width - 1;
  const bottom = height - 1;
  const sides = ({ x, y }: Point) =>
    (x < 0 ? 1 : 0) | (x > right ? 2 : 0) | (y < 0 ? 4 : 0) | (y > bottom ? 8 : 0);
  const a = { ...from };
  const b = { ...to };
  let sideA = sides(a);
  let sideB = sides(b);
  if ((sideA & sideB) !== 0) return undefined;
  if ((sideA | sideB) === 0) return [a, b];
  const cut = (value: number, rise: number, run: number) => Math.trunc((value * rise) / run);
  for (const [point, side] of [
    [a, sideA],
    [b, sideB],
  ] as const)
    if (side & 12) {
      const edge = side < 8 ? 0 : bottom;
      point.x += cut(edge - point.y, b.x - a.x, b.y - a.y);
      point.y = edge;
    }
  sideA = sides(a) & 3;
  sideB = sides(b) & 3;
  if ((sideA & sideB) !== 0) return undefined;
  for (const [point, side] of [
    [a, sideA],
    [b, sideB],
  ] as const)
    if (side !== 0) {
      const edge = side === 1 ? 0 : right;
      point.y += cut(edge - point.x, b.y - a.y, b.x - a.x);
      point.x = edge;
    }
  return [a, b];
}

/** Fills between two chains of edges, top to bottom; corners have `shift` (0 or 16) bits after the point. */
function fillConvex(image: ByteImage, corners: readonly Point[], colour: Colour, shift: 0 | 16): void {
  const count = corners.length;
  const unit = shift === 0 ? 1 : ONE;
  const toFixed = ONE / unit;
  const toRow = (y: number) => Math.floor((y + Math.floor(unit / 2)) / unit);
  let previous = corners[count - 1]!;
  let top = 0;
  for (let i = 0; i < count; i++) {
    const corner = corners[i]!;
    if (corner.y < corners[top]!.y) top = i;
    if (shift === 0) drawLine(image, previous, corner, colour);
    else drawFixedLine(image, previous, corner, colour);
    previous = corner;
  }
  if (count < 3) return;
  const xs = corners.map(({ x }) => toRow(x));
  const ys = corners.map(({ y }) => toRow(y));
  const bottom = Math.max(...ys);
  const first = ys[top]!;
  if (Math.max(...xs) < 0 || bottom < 0 || Math.min(...xs) >= image.width || first >= image.height) return;

  const chain = (step: number) => ({ corner: top, step, end: first, x: -ONE, slope: 0 });
  const chains = [chain(1), chain(count - 1)] as const;
  let left = count;
  for (let y = first; y <= Math.min(bottom, image.height - 1); y++) {
    for (const edge of chains) {
      if (y < edge.end) continue;
      let from = edge.corner;
      let to = (from + edge.step) % count;
      for (; left-- > 0; from = to, to = (to + edge.step) % count) {
        const end = ys[to]!;
        if (end <= y) continue;
        const x = corners[from]!.x * toFixed;
        const rows = end - y;
        edge.slope = Math.trunc(((corners[to]!.x * toFixed - x) * 2 + rows) / (2 * rows));
        edge.x = x;
        edge.end = end;
        edge.corner = to;
        break;
      }
    }
    if (left < 0) break;
    const [a, b] = chains;
    const start = Math.floor((Math.min(a.x, b.x) + ONE / 2) / ONE);
    const end = Math.floor((Math.max(a.x, b.x) + ONE / 2) / ONE);
    fillRun(image, y, start, end, colour);
    a.x += a.slope;
    b.x += b.slope;
  }
}

/** A line between points with 16 bits after the point. */
function drawFixedLine(image: ByteImage, from: Point, to: Point, colour: Colour): void {
  const { width, height } = image;
  const clipped = clipLine(width * ONE, height * ONE, from, to);
  if (!clipped) return;
  let [a, b] = clipped;
  const isFlat = Math.abs(b.x - a.x) > Math.abs(b.y - a.y);
  if (isFlat ? b.x < a.x : b.y < a.y) [a, b] = [b, a];
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const plot = (x: number, y: number) => {
    if (x >= 0 && x < width && y >= 0 && y < height) put(image, x, y, colour);
  };
  plot(Math.floor((b.x + ONE / 2) / ONE), Math.floor((b.y + ONE / 2) / ONE));
  let x = a.x + ONE / 2;
  let y = a.y + ONE / 2;
  if (isFlat) {
    const slope = Math.trunc((dy * ONE) / (dx + 1 - (dx % 2)));
    for (let i = Math.floor(dx / ONE), column = Math.floor(x / ONE); i >= 0; i--, column++, y += slope)
      plot(column, Math.floor(y / ONE));
  } else {
    const slope = Math.trunc((dx * ONE) / (dy + 1 - (dy % 2)));
    for (let i = Math.floor(dy / ONE), row = Math.floor(y / ONE); i >= 0; i--, row++, x += slope)
      plot(Math.floor(x / ONE), row);
  }
}
