import { add, div, mul, sqrt, square, sub, type Tensor } from "@tensorflow/tfjs-core";
import { defineKernel } from "../kernel.js";

/** What one AdamW update reads; `rate`, `epsilon` and `decay` are scalar tensors, so that one trace serves all steps. */
export interface AdamWInputs {
  parameter: Tensor;
  firstMoment: Tensor;
  secondMoment: Tensor;
  gradient: Tensor;
  /** `lr * sqrt(1 - beta2^t) / (1 - beta1^t)`, t counted from 1. */
  rate: Tensor;
  /** `eps * sqrt(1 - beta2^t)`. */
  epsilon: Tensor;
  /** `1 - lr * weightDecay`. */
  decay: Tensor;
}

const kernel = defineKernel<keyof AdamWInputs, { beta1: number; beta2: number }>({
  name: "AdamWUpdate",
  forward({ parameter, firstMoment, secondMoment, gradient, rate, epsilon, decay }, { beta1, beta2 }) {
    const first = add(mul(firstMoment, beta1), mul(gradient, 1 - beta1));
    const second = add(mul(secondMoment, beta2), mul(square(gradient), 1 - beta2));
    const step = div(mul(first, rate), add(sqrt(second), epsilon));
    return [sub(mul(parameter, decay), step), first, second];
  },
});

/**
 * One update of AdamW (Loshchilov and Hutter, 2019, algorithm 2), equal to PyTorch's with the inputs prepared as
 * {@link AdamWInputs} says. Inside `jit` with donated inputs, the TensorFlow engine updates in place.
 * @returns the new parameter, first moment and second moment
 */
export function adamWUpdate(
  inputs: AdamWInputs,
  betas: { beta1: number; beta2: number },
): [Tensor, Tensor, Tensor] {
  return kernel({ ...inputs }, betas) as [Tensor, Tensor, Tensor];
}
