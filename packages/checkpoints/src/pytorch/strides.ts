import { elementCount } from "../tensor-source.js";

/** Whether elements with these strides lie one after the other in the order of the shape. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 0) return true;
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

/** How many elements of the storage lie from the first to the last one of the view. */
export function span(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((reach, side, i) => reach + (side - 1) * strides[i]!, 1);
}

/**
 * The elements of a strided view in the order of its shape; repeated where the view repeats them.
 * @param width bytes of one element
 */
export function gather(
  bytes: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  width: number,
): Uint8Array {
  const count = elementCount(shape);
  const out = new Uint8Array(count * width);
  // Sides of 1 are never stepped along; without them there are few sides however many the file names.
  const axes = shape.flatMap((side, i) => (side === 1 ? [] : [{ side, stride: strides[i]!, at: 0 }]));
  let from = 0;
  for (let i = 0; i < count; i++) {
    for (let b = 0; b < width; b++) out[i * width + b] = bytes[from * width + b]!;
    for (let a = axes.length - 1; a >= 0; a--) {
      const axis = axes[a]!;
      from += axis.stride;
      if (++axis.at < axis.side) break;
      from -= axis.side * axis.stride;
      axis.at = 0;
    }
  }
  return out;
}
