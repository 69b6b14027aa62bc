import { type Colour, circleReaches, type Point } from "../draw.js";
import type { ByteImage } from "../image.js";
import { roundHalfEven } from "../round-half-even.js";
import { polygonSpans, type RowSpans } from "../row-spans.js";
import { limbCorners } from "./limb-corners.js";
import type { Keypoint } from "./pose.js";

/** Bytes of a band of rows, which stay in the processor's cache while all shapes are drawn there. */
const BAND = 2 ** 19;
/** Rows of shapes that wait at a time. */
const ROOM = 2 ** 16;

interface Shape {
  spans: RowSpans;
  colour: Colour;
  isBlended: boolean;
}

let kept: Int32Array | undefined;

/** Limbs and circles in the order in which they lie over each other, drawn together, band by band of the canvas. */
export class ShapeQueue {
  private readonly left: Int32Array;
  private readonly right: Int32Array;
  private readonly view: DataView;
  private shapes: Shape[] = [];
  private used = 0;

  /** @param canvas RGB, as `blankImage` makes it */
  constructor(private readonly canvas: ByteImage) {
    const { data, height } = canvas;
    const room = Math.max(ROOM, height);
    const rows = room === ROOM ? (kept ??= new Int32Array(2 * ROOM)) : new Int32Array(2 * room);
    this.left = rows.subarray(0, room);
    this.right = rows.subarray(room);
    this.view = new DataView(data.buffer, data.byteOffset, data.length);
  }

  /** @param isBlended lays the colour over what is there, at 60 % */
  addLimb(a: Keypoint, b: Keypoint, colour: Colour, isBlended: boolean): void {
    const { width, height } = this.canvas;
    this.makeRoom(height);
    const spans = polygonSpans(limbCorners(a, b), width, height, this.left, this.right, this.used);
    this.push({ spans, colour, isBlended });
  }

  addCircle(centre: Point, radius: number, colour: Colour): void {
    const { width, height } = this.canvas;
    const top = Math.max(0, centre.y - radius);
    const bottom = Math.min(height - 1, centre.y + radius);
    this.makeRoom(2 * radius + 1);
    const shift = this.used - top;
    const reaches = circleReaches(radius);
    for (let y = top; y <= bottom; y++) {
      const reach = reaches[Math.abs(y - centre.y)]!;
      this.left[y + shift] = Math.max(0, centre.x - reach);
      this.right[y + shift] = Math.min(width - 1, centre.x + reach);
    }
    this.push({
      spans: { left: this.left, right: this.right, top, bottom, shift },
      colour,
      isBlended: false,
    });
  }

  /** Draws what waits. */
  flush(): void {
    const { width, height } = this.canvas;
    const band = Math.max(1, Math.floor(BAND / (3 * width)));
    for (let start = 0; start < height && this.used > 0; start += band)
      for (const { spans, colour, isBlended } of this.shapes) {
        const top = Math.max(spans.top, start);
        const bottom = Math.min(spans.bottom, start + band - 1);
        if (top > bottom) continue;
        if (isBlended) blendRows(this.canvas, spans, top, bottom, colour);
        else fillRows(this.view, width, spans, top, bottom, colour);
      }
    this.shapes = [];
    this.used = 0;
  }

  private makeRoom(rows: number): void {
    if (this.used + rows > this.left.length) this.flush();
  }

  private push(shape: Shape): void {
    const { top, bottom } = shape.spans;
    if (top > bottom) return;
    this.shapes.push(shape);
    this.used += bottom - top + 1;
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
