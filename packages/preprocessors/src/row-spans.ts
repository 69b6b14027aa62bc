import { clipLine } from "./draw.js";
import type { Corners } from "./ellipse-corners.js";

/**
 * The pixels of a convex shape on a canvas: in each row from `top` to `bottom` those from `left` to `right`, if any.
 * Shapes share the arrays: row `y` has its ends at `y + shift`.
 */
export interface RowSpans {
  /** The first pixel of each row. */
  left: Int32Array;
  /** The last one; before `left` where the row has none. */
  right: Int32Array;
  top: number;
  bottom: number;
  shift: number;
}

/**
 * The pixels of a convex polygon, its outline included, as `cv2.fillConvexPoly` fills them: the outline by Bresenham's
 * steps, and the edges by positions with 16 bits after the point.
 * @param width of the canvas, as `height`
 * @param isInside whether all corners lie inside the canvas
 * @param spans takes the pixels; it has all rows of the polygon on the canvas
 */
export function polygonSpans(
  corners: Corners,
  width: number,
  height: number,
  isInside: boolean,
  spans: RowSpans,
): void {
  const { left, right, top, bottom, shift } = spans;
  left.fill(width, top + shift, bottom + shift + 1);
  right.fill(-1, top + shift, bottom + shift + 1);
  addEdges(corners, spans, width, height, isInside);
}

function addEdges(
  { x: xs, y: ys }: Corners,
  spans: RowSpans,
  width: number,
  height: number,
  isInside: boolean,
): void {
  const { left, right, shift } = spans;
  const count = xs.length;
  let fromX = xs[count - 1]!;
  let fromY = ys[count - 1]!;
  for (let i = 0; i < count; i++) {
    const toX = xs[i]!;
    const toY = ys[i]!;
    const dx = Math.abs(toX - fromX);
    const dy = Math.abs(toY - fromY);
    if (dx === 0 && dy === 0 && i > 0) continue;
    const isEdgeInside =
      isInside || (isWithin(fromX, fromY, width, height) && isWithin(toX, toY, width, height));
    if (!isEdgeInside || dy > LONGEST) addAnyEdge(spans, width, height, fromX, fromY, toX, toY);
    else {
      add(left, right, fromX, fromY + shift);
      add(left, right, toX, toY + shift);
      if (dy > dx) {
        if (dy > 1) addSteep(left, right, fromX, fromY + shift, toX, toY + shift);
      } else if (dy > 0 && dx > 1) {
        if (fromX < toX) addFlat(left, right, fromX, fromY + shift, dx, toY - fromY);
        else addFlat(left, right, toX, toY + shift, dx, fromY - toY);
      }
    }
    fromX = toX;
    fromY = toY;
  }
}

const isWithin = (x: number, y: number, width: number, height: number) =>
  x >= 0 && x < width && y >= 0 && y < height;

const ONE = 65536;
/** How many rows an edge may go for {@link addFlat} and {@link addSteep}, where rounded slopes hardly add up. */
const LONGEST = 63;
/** More than rounded slopes add up to, and less than the distance from the middle of two pixels to any other position. */
const TIE = 256;

/**
 * An edge inside that goes at least as far across as down, from its left end on: the ends of each row's run, which are
 * where Bresenham's steps turn. Positions at the rows' centres lie in these runs.
 */
function addFlat(left: Int32Array, right: Int32Array, x: number, y: number, dx: number, rows: number): void {
  const down = rows < 0 ? -1 : 1;
  const count = rows * down;
  const step = dx / count;
  // Half a unit more keeps a whole quotient from falling below.
  let end = (dx + 0.5) / (2 * count);
  for (let row = y, last = y + rows; row !== last; row += down, end += step) {
    const turn = x + (end | 0);
    add(left, right, turn, row);
    add(left, right, turn + 1, row + down);
  }
}

/**
 * An edge inside that goes further down than across: one pixel a row, or two where it passes between them, as
 * Bresenham's steps take the left one and positions may be rounded to the right one.
 */
function addSteep(
  left: Int32Array,
  right: Int32Array,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  const isDown = fromY < toY;
  const x = isDown ? fromX : toX;
  const y = isDown ? fromY : toY;
  const last = isDown ? toY : fromY;
  const slope = slopeOf((isDown ? toX : fromX) - x, last - y);
  let position = slope + ONE / 2;
  for (let row = y + 1; row < last; row++, position += slope) {
    const outline = x + ((position - TIE) >> 16);
    const filled = x + (position >> 16);
    if (outline < left[row]!) left[row] = outline;
    if (filled > right[row]!) right[row] = filled;
  }
}

/** How far an edge goes across from row to row, rounded as OpenCV does. */
const slopeOf = (dx: number, rows: number) => Math.trunc((dx * 2 * ONE + rows) / (2 * rows));

function add(left: Int32Array, right: Int32Array, x: number, row: number): void {
  if (x < left[row]!) left[row] = x;
  if (x > right[row]!) right[row] = x;
}

/** An edge of any length that may lie outside. */
function addAnyEdge(
  spans: RowSpans,
  width: number,
  height: number,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  const clipped = clipLine(width - 1, height - 1, { x: fromX, y: fromY }, { x: toX, y: toY });
  if (clipped) addLine(spans, clipped[0].x, clipped[0].y, clipped[1].x, clipped[1].y);
  if (fromY < toY) addFilled(spans, width, height, fromX, fromY, toX, toY);
  else addFilled(spans, width, height, toX, toY, fromX, fromY);
}

/** A line of one pixel by Bresenham's steps, from left to right, as `drawLine` draws it; all of it inside. */
function addLine({ left, right, shift }: RowSpans, fromX: number, fromY: number, toX: number, toY: number) {
  const isReversed = toX < fromX;
  let x = isReversed ? toX : fromX;
  let row = (isReversed ? toY : fromY) + shift;
  const down = toY < fromY === isReversed ? 1 : -1;
  const dx = Math.abs(toX - fromX);
  const dy = Math.abs(toY - fromY);
  const isSteep = dy > dx;
  const long = isSteep ? dy : dx;
  const short = isSteep ? dx : dy;
  let error = long - 2 * short;
  for (let i = 0; i <= long; i++) {
    add(left, right, x, row);
    if (error < 0) {
      x++;
      row += down;
      error += 2 * (long - short);
    } else {
      if (isSteep) row += down;
      else x++;
      error -= 2 * short;
    }
  }
}

/** An edge as OpenCV fills up to it: a position with 16 bits after the point in each row from its upper end on. */
function addFilled(
  { left, right, shift }: RowSpans,
  width: number,
  height: number,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  // The outline has the corner itself where it lies inside.
  const isDrawn = fromX >= 0 && fromX < width && fromY >= 0;
  const first = isDrawn ? fromY + 1 : Math.max(fromY, 0);
  const end = Math.min(toY, height);
  if (first >= end) return;
  const slope = slopeOf(toX - fromX, toY - fromY);
  let position = fromX * ONE + (first - fromY) * slope + ONE / 2;
  for (let row = first + shift; row < end + shift; row++, position += slope) {
    const x = Math.floor(position / ONE);
    if (x < left[row]!) left[row] = Math.max(0, x);
    if (x > right[row]!) right[row] = Math.min(width - 1, x);
  }
}
