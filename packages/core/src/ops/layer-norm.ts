import {
  add,
  dispose,
  mean,
  mul,
  reshape,
  rsqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "@tensorflow/tfjs-core";
import { ControlNetError } from "../errors.js";
import { defineKernel } from "../kernel.js";
import type { Norm } from "./group-norm.js";

type Attributes = { epsilon: number };

const layerNormKernel = defineKernel<"x" | "scale" | "bias", Attributes>({
  name: "LayerNorm",
  forward({ x, scale, bias }, { epsilon }) {
    const average = mean(x, -1, true);
    const centred = sub(x, average);
    const inverse = rsqrt(add(mean(square(centred), -1, true), epsilon));
    return [add(mul(mul(centred, inverse), scale), bias), average, inverse];
  },
  saveInputs: ["x", "scale"],
  saveOutputs: [1, 2],
  gradient(upstream, [x, scale, average, inverse]) {
    const features = x!.shape[x!.rank - 1]!;
    // Computed again in each function below: what is made out here stays until the whole backward pass ends.
    const normalisedX = () => mul(sub(x!, average!), inverse!);
    return {
      x: () => {
        const normalised = normalisedX();
        const d = mul(upstream, scale!);
        const projection = mul(normalised, mean(mul(d, normalised), -1, true));
        return mul(sub(sub(d, mean(d, -1, true)), projection), inverse!);
      },
      scale: () => sum(reshape(mul(upstream, normalisedX()), [-1, features]), 0),
      bias: () => sum(reshape(upstream, [-1, features]), 0),
    };
  },
});

/**
 * Layer normalisation (Ba, Kiros, Hinton, 2016) of `x` [..., features] over its last axis. Its gradient keeps `x`
 * and the statistics only.
 * @throws ControlNetError `shape` where features don't fit
 */
export function layerNorm<T extends Tensor>(x: T, { scale, bias }: Norm, epsilon = 1e-5): T {
  if (scale.shape[0] !== x.shape[x.rank - 1])
    throw new ControlNetError(
      "shape",
      `layerNorm: expected ${scale.shape[0]} features, got input [${x.shape}]`,
    );
  const [y, ...statistics] = layerNormKernel({ x, scale, bias }, { epsilon });
  dispose(statistics);
  return y as T;
}
