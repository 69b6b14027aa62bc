import { type Colour, clipLine } from "./draw.js";
import type { Corners } from "./ellipse-corners.js";
import type { ByteImage } from "./image.js";

/** The pixels of a convex shape on a canvas: in each row from `top` to `bottom` those from `left` to `right`, if any. */
export interface RowSpans {
  /** Width of the canvas. */
  width: number;
  /** The first pixel of each row of the canvas. */
  left: Int32Array;
  /** The last one; before `left` where the row has none. */
  right: Int32Array;
  top: number;
  bottom: number;
}

/** Room for the shapes on a canvas, one after another. */
export const roomForSpans = (width: number, height: number): RowSpans => ({
  width,
  left: new Int32Array(height),
  right: new Int32Array(height),
  top: 0,
  bottom: -1,
});

/**
 * The pixels of a convex polygon, its outline included, as `cv2.fillConvexPoly` fills them.
 * @param spans takes them, cut at the canvas' borders
 */
export function polygonSpans({ x: xs, y: ys, count }: Corners, spans: RowSpans): void {
  const { width, left, right } = spans;
  const height = left.length;
  let highest = 0;
  let lowest = 0;
  let leftmost = xs[0]!;
  let rightmost = xs[0]!;
  for (let i = 1; i < count; i++) {
    if (ys[i]! < ys[highest]!) highest = i;
    if (ys[i]! > ys[lowest]!) lowest = i;
    if (xs[i]! < leftmost) leftmost = xs[i]!;
    if (xs[i]! > rightmost) rightmost = xs[i]!;
  }
  spans.top = Math.max(0, ys[highest]!);
  spans.bottom = leftmost < width && rightmost >= 0 ? Math.min(height - 1, ys[lowest]!) : -1;
  if (spans.top > spans.bottom) return;
  left.fill(width, spans.top, spans.bottom + 1);
  right.fill(-1, spans.top, spans.bottom + 1);
  const isInside = leftmost >= 0 && rightmost < width && ys[highest]! >= 0 && ys[lowest]! < height;
  for (let i = 0, before = count - 1; i < count; before = i++) {
    if (isInside) addLine(left, right, xs[before]!, ys[before]!, xs[i]!, ys[i]!);
    else addClipped(spans, xs[before]!, ys[before]!, xs[i]!, ys[i]!);
  }
  // Inside, the outline has all of an edge that goes no further than the next row.
  for (let i = highest; i !== lowest; ) {
    const next = i + 1 < count ? i + 1 : 0;
    if (!isInside || ys[next]! - ys[i]! > 1) addEdge(spans, xs[i]!, ys[i]!, xs[next]!, ys[next]!);
    i = next;
  }
  for (let i = highest; i !== lowest; ) {
    const next = i > 0 ? i - 1 : count - 1;
    if (!isInside || ys[next]! - ys[i]! > 1) addEdge(spans, xs[i]!, ys[i]!, xs[next]!, ys[next]!);
    i = next;
  }
}

/** The part of a line inside the canvas. */
function addClipped(
  { width, left, right }: RowSpans,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  const height = left.length;
  const isInside = (x: number, y: number) => x >= 0 && x < width && y >= 0 && y < height;
  if (isInside(fromX, fromY) && isInside(toX, toY)) {
    addLine(left, right, fromX, fromY, toX, toY);
    return;
  }
  const clipped = clipLine(width - 1, height - 1, { x: fromX, y: fromY }, { x: toX, y: toY });
  if (clipped) addLine(left, right, clipped[0].x, clipped[0].y, clipped[1].x, clipped[1].y);
}

/** A line of one pixel by Bresenham's steps, from left to right, as `drawLine` draws it; all of it inside. */
function addLine(
  left: Int32Array,
  right: Int32Array,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  add(left, right, toX, toY);
  const dx = Math.abs(toX - fromX);
  const dy = Math.abs(toY - fromY);
  if (dx < 2 && dy < 2) {
    add(left, right, fromX, fromY);
    return;
  }
  const isReversed = toX < fromX;
  let x = isReversed ? toX : fromX;
  let y = isReversed ? toY : fromY;
  const down = toY < fromY === isReversed ? 1 : -1;
  const isSteep = dy > dx;
  const long = isSteep ? dy : dx;
  const short = isSteep ? dx : dy;
  let error = long - 2 * short;
  for (let i = 0; i <= long; i++) {
    add(left, right, x, y);
    if (error < 0) {
      x++;
      y += down;
      error += 2 * (long - short);
    } else {
      if (isSteep) y += down;
      else x++;
      error -= 2 * short;
    }
  }
}

function add(left: Int32Array, right: Int32Array, x: number, y: number): void {
  if (x < left[y]!) left[y] = x;
  if (x > right[y]!) right[y] = x;
}

const ONE = 65536;

/** An edge as OpenCV fills up to it: a position with 16 bits after the point in each row from its upper end on. */
function addEdge(
  { width, left, right }: RowSpans,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  // The outline has the corner itself where it lies inside.
  const isDrawn = fromX >= 0 && fromX < width && fromY >= 0;
  const first = isDrawn ? fromY + 1 : Math.max(fromY, 0);
  const end = Math.min(toY, left.length);
  if (first >= end) return;
  const rows = toY - fromY;
  const slope = Math.trunc(((toX - fromX) * 2 * ONE + rows) / (2 * rows));
  let position = fromX * ONE + (first - fromY) * slope + ONE / 2;
  for (let y = first; y < end; y++, position += slope) {
    const x = Math.floor(position / ONE);
    if (x < left[y]!) left[y] = Math.max(0, x);
    if (x > right[y]!) right[y] = Math.min(width - 1, x);
  }
}

/**
 * Fills spans with a colour.
 * @param image RGB, as `blankImage` makes it
 */
export function fillSpans({ data }: ByteImage, spans: RowSpans, colour: Colour): void {
  const { width, left, right, top, bottom } = spans;
  const [r, g, b] = colour as [number, number, number];
  // Words of four bytes: with which channel one begins follows from its place, as a pixel begins at a multiple of three.
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length >> 2);
  const pattern = new Uint32Array(Uint8Array.of(r, g, b, r, g, b, r, g, b, r, g, b).buffer);
  for (let y = top; y <= bottom; y++) {
    if (left[y]! > right[y]!) continue;
    const start = (y * width + left[y]!) * 3;
    const end = (y * width + right[y]! + 1) * 3;
    data[start] = data[end - 3] = r;
    data[start + 1] = data[end - 2] = g;
    data[start + 2] = data[end - 1] = b;
    let word = (start + 3) >> 2;
    const last = end >> 2;
    for (let channel = word % 3; word < last; word++) {
      words[word] = pattern[channel]!;
      channel = channel === 2 ? 0 : channel + 1;
    }
  }
}
