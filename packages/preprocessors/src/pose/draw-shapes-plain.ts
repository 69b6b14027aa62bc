import { type Colour, circleReaches } from "../draw.js";
import { ellipseCorners, roomForCorners } from "../ellipse-corners.js";
import type { ByteImage } from "../image.js";
import { roundHalfEven } from "../round-half-even.js";
import { polygonSpans, type RowSpans } from "../row-spans.js";
import { HALF_WIDTH, type Shape } from "./shapes.js";

/** Bytes of a band of rows, which stay in the processor's cache while all shapes are drawn there. */
const BAND = 2 ** 19;

/**
 * Draws shapes one over the other, band by band of the canvas.
 * @param canvas RGB, as `blankImage` makes it
 * @param rows of all shapes together
 */
export function drawShapesPlain(canvas: ByteImage, shapes: readonly Shape[], rows: number): void {
  const { data, width, height } = canvas;
  const left = new Int32Array(rows);
  const right = new Int32Array(rows);
  const corners = roomForCorners();
  let start = 0;
  const drawn = shapes.map((shape) => {
    const { kind, centre, radius, angle, top, bottom, isInside } = shape;
    const spans = { left, right, top, bottom, shift: start - top };
    if (kind === "circle") circleSpans(shape, width, spans);
    else {
      ellipseCorners(centre, { x: radius, y: HALF_WIDTH }, angle, corners);
      polygonSpans(corners, width, height, isInside, spans);
    }
    start += bottom - top + 1;
    return { ...shape, spans };
  });
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const band = Math.max(1, Math.floor(BAND / (3 * width)));
  for (let start = 0; start < height; start += band)
    for (const { spans, colour, isBlended } of drawn) {
      const top = Math.max(spans.top, start);
      const bottom = Math.min(spans.bottom, start + band - 1);
      if (top > bottom) continue;
      if (isBlended) blendRows(canvas, spans, top, bottom, colour);
      else fillRows(view, width, spans, top, bottom, colour);
    }
}

function circleSpans({ centre, radius }: Shape, width: number, spans: RowSpans): void {
  const { left, right, top, bottom, shift } = spans;
  const reaches = circleReaches(radius);
  for (let y = top; y <= bottom; y++) {
    const reach = reaches[Math.abs(y - centre.y)]!;
    left[y + shift] = Math.max(0, centre.x - reach);
    right[y + shift] = Math.min(width - 1, centre.x + reach);
  }
}

/** Fills rows of a shape, four pixels at a time: three words, which a view writes at any place. */
function fillRows(
  view: DataView,
  width: number,
  { left, right, shift }: RowSpans,
  top: number,
  bottom: number,
  colour: Colour,
): void {
  const [r, g, b] = colour as [number, number, number];
  const first = r | (g << 8) | (b << 16) | (r << 24);
  const second = g | (b << 8) | (r << 16) | (g << 24);
  const third = b | (r << 8) | (g << 16) | (b << 24);
  for (let y = top; y <= bottom; y++) {
    let at = (y * width + left[y + shift]!) * 3;
    const end = (y * width + right[y + shift]! + 1) * 3;
    const last = end - 12;
    if (at <= last) {
      for (; at < last; at += 12) {
        view.setInt32(at, first, true);
        view.setInt32(at + 4, second, true);
        view.setInt32(at + 8, third, true);
      }
      // The last four pixels, some of them once more.
      view.setInt32(last, first, true);
      view.setInt32(last + 4, second, true);
      view.setInt32(last + 8, third, true);
    } else
      for (; at < end; at += 3) {
        view.setUint8(at, r);
        view.setUint8(at + 1, g);
        view.setUint8(at + 2, b);
      }
  }
}

/** Lays a colour at 60 % over rows of a shape. */
function blendRows(
  { data, width }: ByteImage,
  { left, right, shift }: RowSpans,
  top: number,
  bottom: number,
  colour: Colour,
): void {
  for (let y = top; y <= bottom; y++) {
    const last = right[y + shift]!;
    for (let x = left[y + shift]!, i = 3 * (y * width + x); x <= last; x++)
      for (let c = 0; c < 3; c++, i++)
        data[i] = roundHalfEven(Math.fround(data[i]! * Math.fround(0.4) + colour[c]! * Math.fround(0.6)));
  }
}
