import { fill, type Tensor, tensor } from "@tensorflow/tfjs-core";
import { randomNormals, randomUniform } from "./random.js";

/** How the values of a new parameter are drawn. */
export type Initial =
  | { kind: "constant"; value: number }
  /** Uniform in +-sqrt(1 / fanIn): PyTorch's default for convolutions and linear layers. */
  | { kind: "fan-in"; fanIn: number }
  | { kind: "normal"; deviation: number };

/**
 * Makes the leaves of a parameter tree. Every `create...` function of the models asks it for each leaf by path and
 * shape, so that one description of a model gives its tensors, its shapes and its parameter count.
 */
export type Initializer<L> = (path: string, shape: number[], initial: Initial) => L;

/**
 * The values of a new parameter of `size` numbers, which depend on `seed` and its path alone: those that
 * {@link randomInitializer} makes tensors of.
 */
export function initialValues(seed: number, path: string, size: number, initial: Initial): Float32Array {
  if (initial.kind === "constant") return new Float32Array(size).fill(initial.value);
  const key = { seed, purpose: `parameter ${path}`, index: 0 };
  if (initial.kind === "normal") return randomNormals(key, size).map((value) => value * initial.deviation);
  const bound = Math.sqrt(1 / initial.fanIn);
  const next = randomUniform(key);
  return Float32Array.from({ length: size }, () => (2 * next() - 1) * bound);
}

/** Draws real tensors; a leaf's values depend on `seed` and its path alone. The caller disposes the tree. */
export const randomInitializer =
  (seed: number): Initializer<Tensor> =>
  (path, shape, initial) => {
    if (initial.kind === "constant") return fill(shape, initial.value, "float32");
    const size = shape.reduce((a, b) => a * b, 1);
    return tensor(initialValues(seed, path, size, initial), shape, "float32");
  };

/** A leaf that knows its shape only; a class, so that trees of it are walked like trees of tensors. */
export class LeafShape {
  constructor(readonly shape: number[]) {}
  get size(): number {
    return this.shape.reduce((a, b) => a * b, 1);
  }
}

/** Allocates nothing: for key tables and parameter counts. */
export const shapeInitializer: Initializer<LeafShape> = (_path, shape) => new LeafShape(shape);

/** Joins the parts of a leaf's path. */
export const join = (path: string, key: string | number): string => (path ? `${path}.${key}` : `${key}`);
