import type { Initializer } from "@controlnet-js/core";
import { cos, fill, linspace, mul, reshape, type Tensor, tidy } from "@tensorflow/tfjs-core";

/** Numbers in [-1, 1] without a pattern that a kernel could profit from, made on the engine. */
export const values = <T extends Tensor>(shape: number[], bound = 1): T =>
  tidy(() => {
    const size = shape.reduce((a, b) => a * b, 1);
    return reshape(mul(cos(linspace(1, 1 + 0.7 * size, size)), bound), shape) as T;
  });

/** Weights of the size that training starts with, quickly: what they are does not change how long anything takes. */
export const quickInitializer: Initializer<Tensor> = (_path, shape, initial) => {
  if (initial.kind === "constant") return fill(shape, initial.value, "float32");
  return values(shape, initial.kind === "normal" ? initial.deviation : Math.sqrt(1 / initial.fanIn));
};
