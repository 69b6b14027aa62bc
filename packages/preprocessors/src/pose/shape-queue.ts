import type { ByteImage } from "../image.js";
import { shapesKernel } from "../kernels/shapes-kernel.js";
import { drawShapesPlain } from "./draw-shapes-plain.js";
import type { Shape } from "./shapes.js";

/** Rows of shapes that wait at a time. */
const ROOM = 2 ** 16;

/** Shapes in the order in which they lie over each other, drawn together, which is quicker than one by one. */
export class ShapeQueue {
  private shapes: Shape[] = [];
  private rows = 0;
  private isBlank = true;

  /** @param canvas RGB and black */
  constructor(private readonly canvas: ByteImage) {}

  add(shape: Shape): void {
    const rows = shape.bottom - shape.top + 1;
    if (rows <= 0) return;
    if (this.rows + rows > ROOM) this.flush();
    this.shapes.push(shape);
    this.rows += rows;
  }

  /** Draws what waits; to be called before anything else is drawn. */
  flush(): void {
    const { canvas, shapes, rows } = this;
    if (rows > 0 && !shapesKernel(canvas, shapes, rows, this.isBlank)) drawShapesPlain(canvas, shapes, rows);
    this.isBlank = false;
    this.shapes = [];
    this.rows = 0;
  }
}
