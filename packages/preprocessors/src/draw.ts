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
  let a = from;
  let b = to;
  const right = image.width - 1;
  const bottom = image.height - 1;
  if ((outside(a, right, bottom) | outside(b, right, bottom)) !== 0) {
    const clipped = clipLine(right, bottom, from, to);
    if (!clipped) return;
    [a, b] = clipped;
  }
  drawInside(image, a, b, colour);
}

/** The same for a line that lies wholly inside. */
function drawInside(image: ByteImage, from: Point, to: Point, colour: Colour): void {
  const isReversed = to.x < from.x;
  const a = isReversed ? to : from;
  const b = isReversed ? from : to;
  const { data, channels } = image;
  const across = channels;
  const down = image.width * channels * (b.y < a.y ? -1 : 1);
  const dx = b.x - a.x;
  const dy = Math.abs(b.y - a.y);
  const isSteep = dy > dx;
  const long = isSteep ? dy : dx;
  const short = isSteep ? dx : dy;
  const step = isSteep ? down : across;
  const stepAndTurn = down + across;
  let error = long - 2 * short;
  let at = (a.y * image.width + a.x) * channels;
  const first = colour[0]!;
  const second = colour[1]!;
  const third = colour[2]!;
  for (let i = 0; i <= long; i++) {
    if (channels === 3) {
      data[at] = first;
      data[at + 1] = second;
      data[at + 2] = third;
    } else for (let c = 0; c < channels; c++) data[at + c] = colour[c]!;
    if (error < 0) {
      at += stepAndTurn;
      error += 2 * (long - short);
    } else {
      at += step;
      error -= 2 * short;
    }
  }
}

/** Draws a line of some pixels with round ends, as `cv2.line` does. */
export function drawThickLine(
  image: ByteImage,
  start: Point,
  end: Point,
  colour: Colour,
  thickness: number,
): void {
  if (thickness <= 1) {
    drawLine(image, start, end, colour);
    return;
  }
  // OpenCV first cuts the line at the canvas grown by the thickness on every side; the round ends sit where it is cut.
  const moved = ({ x, y }: Point, by: number): Point => ({ x: x + by, y: y + by });
  const grown = 2 * thickness - 1;
  const near = clipLine(
    image.width + grown,
    image.height + grown,
    moved(start, thickness),
    moved(end, thickness),
  );
  if (!near) return;
  const [from, to] = [moved(near[0], -thickness), moved(near[1], -thickness)];
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
    fillConvex(image, [corner(from, 1), corner(from, -1), corner(to, -1), corner(to, 1)], colour);
  }
  const radius = Math.floor((half + ONE / 2) / ONE);
  fillCircle(image, from, radius, colour);
  fillCircle(image, to, radius, colour);
}

/** Fills a circle by the midpoint method, as `cv2.circle(..., thickness=-1)` does. */
export function fillCircle(image: ByteImage, centre: Point, radius: number, colour: Colour): void {
  const reaches = circleReaches(radius);
  for (let dy = -radius; dy <= radius; dy++) {
    const reach = reaches[Math.abs(dy)]!;
    fillRun(image, centre.y + dy, centre.x - reach, centre.x + reach, colour);
  }
}

const knownReaches = /* @__PURE__ */ new Map<number, Int32Array>();

/** How far a circle of a radius goes to either side in the row of its centre and in those below. */
export function circleReaches(radius: number): Int32Array {
  const known = knownReaches.get(radius);
  if (known) return known;
  const reaches = new Int32Array(radius + 1);
  let error = 0;
  let dx = radius;
  let dy = 0;
  let plus = 1;
  let minus = 2 * radius - 1;
  while (dx >= dy) {
    reaches[dy] = Math.max(reaches[dy]!, dx);
    reaches[dx] = Math.max(reaches[dx]!, dy);
    dy++;
    error += plus;
    plus += 2;
    if (error > 0) {
      error -= minus;
      dx--;
      minus -= 2;
    }
  }
  knownReaches.set(radius, reaches);
  return reaches;
}

function put({ data, width, channels }: ByteImage, x: number, y: number, colour: Colour): void {
  const at = (y * width + x) * channels;
  for (let c = 0; c < channels; c++) data[at + c] = colour[c]!;
}

/** A run of pixels of one row, as far as it lies inside. */
function fillRun(image: ByteImage, y: number, from: number, to: number, colour: Colour): void {
  const { width, height, channels } = image;
  if (y < 0 || y >= height) return;
  const start = (y * width + Math.max(0, from)) * channels;
  fillPixels(image.data, start, (y * width + Math.min(width - 1, to) + 1) * channels, colour);
}

/** All pixels between two indices; none where `start` is not below `end`. */
function fillPixels(data: Uint8Array, start: number, end: number, colour: Colour): void {
  const channels = colour.length;
  if (channels === 3) {
    const r = colour[0]!;
    const g = colour[1]!;
    const b = colour[2]!;
    for (let i = start; i < end; i += 3) {
      data[i] = r;
      data[i + 1] = g;
      data[i + 2] = b;
    }
  } else
    for (let i = start; i < end; i += channels) for (let c = 0; c < channels; c++) data[i + c] = colour[c]!;
}

/** On which sides a point lies outside: 1 left, 2 right, 4 above, 8 below. */
function outside({ x, y }: Point, right: number, bottom: number): number {
  return (x < 0 ? 1 : x > right ? 2 : 0) | (y < 0 ? 4 : y > bottom ? 8 : 0);
}

/** The part of a line inside a rectangle, cut where OpenCV cuts it: first at top and bottom, then at the sides. */
export function clipLine(right: number, bottom: number, from: Point, to: Point): [Point, Point] | undefined {
  const a = { x: from.x, y: from.y };
  const b = { x: to.x, y: to.y };
  let sideA = outside(a, right, bottom);
  let sideB = outside(b, right, bottom);
  if ((sideA & sideB) !== 0) return undefined;
  const cutRow = (point: Point, side: number) => {
    const edge = side < 8 ? 0 : bottom;
    point.x += Math.trunc(((edge - point.y) * (b.x - a.x)) / (b.y - a.y));
    point.y = edge;
  };
  if (sideA & 12) cutRow(a, sideA);
  if (sideB & 12) cutRow(b, sideB);
  sideA = outside(a, right, bottom) & 3;
  sideB = outside(b, right, bottom) & 3;
  if ((sideA & sideB) !== 0) return undefined;
  const cutColumn = (point: Point, side: number) => {
    const edge = side === 1 ? 0 : right;
    point.y += Math.trunc(((edge - point.x) * (b.y - a.y)) / (b.x - a.x));
    point.x = edge;
  };
  if (sideA) cutColumn(a, sideA);
  if (sideB) cutColumn(b, sideB);
  return [a, b];
}

/** Fills between two chains of edges, top to bottom; corners have 16 bits after the point. */
function fillConvex(image: ByteImage, corners: readonly Point[], colour: Colour): void {
  const count = corners.length;
  const half = ONE / 2;
  const rows = corners.map(({ y }) => Math.floor((y + half) / ONE));
  const bottom = Math.max(...rows);
  let previous = corners[count - 1]!;
  let top = 0;
  corners.forEach((corner, i) => {
    if (corner.y < corners[top]!.y) top = i;
    drawFixedLine(image, previous, corner, colour);
    previous = corner;
  });
  const first = rows[top]!;
  const across = corners.map(({ x }) => x);
  const isOutside = Math.max(...across) + half < 0 || Math.min(...across) + half >= image.width * ONE;
  if (isOutside || bottom < 0 || first >= image.height) return;

  const chain = (step: number) => ({ corner: top, step, end: first, x: -ONE, slope: 0 });
  const a = chain(1);
  const b = chain(count - 1);
  let rest = count;
  const last = Math.min(bottom, image.height - 1);
  for (let y = first; y <= last; ) {
    for (const edge of [a, b]) {
      if (y < edge.end) continue;
      let from = edge.corner;
      let to = (from + edge.step) % count;
      for (; rest-- > 0; from = to, to = (to + edge.step) % count) {
        const end = rows[to]!;
        if (end <= y) continue;
        const { x } = corners[from]!;
        const span = end - y;
        edge.slope = Math.trunc(((corners[to]!.x - x) * 2 + span) / (2 * span));
        edge.x = x;
        edge.end = end;
        edge.corner = to;
        break;
      }
    }
    if (rest < 0) break;
    const end = Math.min(a.end, b.end, last + 1);
    fillBetween(image, y, end, a, b, colour);
    y = end;
  }
}

/** An edge of a polygon at some row: where it is and how it goes on, with 16 bits after the point. */
interface Edge {
  x: number;
  slope: number;
}

/** Fills the rows `y` to `end` between two edges and moves the edges on. */
function fillBetween(image: ByteImage, y: number, end: number, a: Edge, b: Edge, colour: Colour): void {
  const { width, channels } = image;
  const { slope: slopeA } = a;
  const { slope: slopeB } = b;
  let { x: xA } = a;
  let { x: xB } = b;
  for (let row = y; row < end; row++, xA += slopeA, xB += slopeB) {
    const from = Math.max(0, Math.floor((Math.min(xA, xB) + ONE / 2) / ONE));
    const to = Math.min(width - 1, Math.floor((Math.max(xA, xB) + ONE / 2) / ONE));
    if (row >= 0)
      fillPixels(image.data, (row * width + from) * channels, (row * width + to + 1) * channels, colour);
  }
  a.x = xA;
  b.x = xB;
}

/** A line between points with 16 bits after the point. */
function drawFixedLine(image: ByteImage, from: Point, to: Point, colour: Colour): void {
  const { width, height } = image;
  const clipped = clipLine(width * ONE - 1, height * ONE - 1, from, to);
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
