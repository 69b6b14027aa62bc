import type { NamedAttrMap, NamedTensorInfoMap, Tensor } from "@tensorflow/tfjs-core";

/** The inputs of a kernel call by name; tfjs passes whole tensors. */
export const tensorsOf = <N extends string>(inputs: NamedTensorInfoMap, ...names: N[]): Record<N, Tensor> =>
  Object.fromEntries(names.map((name) => [name, inputs[name]])) as Record<N, Tensor>;

/** The attributes of a kernel call, as the operation that makes it passes them. */
export const attributesOf = <A>(attributes: NamedAttrMap | undefined): A => attributes as unknown as A;

/** The product of `shape`. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
