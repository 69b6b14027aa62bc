import { add, matMul, reshape, type Tensor } from "@tensorflow/tfjs-core";
import { ControlNetError } from "../errors.js";
import { type Initializer, join } from "../initializer.js";

/** `kernel` [in, out], `bias` [out] where there is one. */
export interface Linear<L = Tensor> {
  kernel: L;
  bias?: L;
}

/** New parameters of a linear layer, drawn as PyTorch does. */
export function createLinear<L>(
  init: Initializer<L>,
  path: string,
  inFeatures: number,
  outFeatures: number,
  { bias = true }: { bias?: boolean } = {},
): Linear<L> {
  const initial = { kind: "fan-in", fanIn: inFeatures } as const;
  const kernel = init(join(path, "kernel"), [inFeatures, outFeatures], initial);
  return bias ? { kernel, bias: init(join(path, "bias"), [outFeatures], initial) } : { kernel };
}

/**
 * `x W + b` over the last axis: [..., in] to [..., out].
 * @throws ControlNetError `shape` where features don't fit
 */
export function linear<T extends Tensor>(x: T, { kernel, bias }: Linear): T {
  const [inFeatures, outFeatures] = kernel.shape as [number, number];
  if (x.shape[x.rank - 1] !== inFeatures)
    throw new ControlNetError(
      "shape",
      `linear: expected ${inFeatures} input features, got ${x.shape[x.rank - 1]} (input [${x.shape}])`,
    );
  const product = matMul(reshape(x, [-1, inFeatures]), kernel as Tensor<never>);
  return reshape(bias ? add(product, bias) : product, [...x.shape.slice(0, -1), outFeatures]) as T;
}
