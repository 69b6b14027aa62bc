import { type KeyRow, type NamedTensor, publishedShape, toPublished } from "@controlnet-js/checkpoints";
import { type Initial, type Initializer, initialValues } from "@controlnet-js/core";

/** A new parameter that is drawn when it is written: no engine, no memory before. */
export class FreshLeaf {
  constructor(
    readonly path: string,
    readonly shape: number[],
    readonly initial: Initial,
  ) {}

  /** The same values as core's `randomInitializer(seed)` gives this path. */
  values(seed: number): Float32Array {
    const size = this.shape.reduce((a, b) => a * b, 1);
    return initialValues(seed, this.path, size, this.initial);
  }
}

/** Makes leaves that are drawn later. */
export const freshInitializer: Initializer<FreshLeaf> = (path, shape, initial) =>
  new FreshLeaf(path, shape, initial);

/** A leaf as published. */
export const publishedLeaf = (leaf: FreshLeaf, row: KeyRow, seed: number): NamedTensor => ({
  name: row.key,
  dtype: "F32",
  shape: publishedShape(row.layout, row.shape),
  bytes() {
    const values = toPublished(leaf.values(seed), row.layout, row.shape);
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  },
});
