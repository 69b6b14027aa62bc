import type { Tensor, Tensor4D } from "@tensorflow/tfjs-core";
import { type Initializer, join } from "../initializer.js";
import { type Convolution, convolution } from "./convolution.js";

/**
 * New parameters of a zero convolution: weights and bias 0 (Zhang, Rao, Agrawala, section 3.1). With them the link
 * adds nothing, yet learns at once: dZ/dB = 1 and dZ/dW = I, although dZ/dI = W = 0 before the first step.
 */
export function createZeroConvolution<L>(
  init: Initializer<L>,
  path: string,
  inChannels: number,
  outChannels = inChannels,
  size = 1,
): Convolution<L> {
  const zero = { kind: "constant", value: 0 } as const;
  return {
    kernel: init(join(path, "kernel"), [size, size, inChannels, outChannels], zero),
    bias: init(join(path, "bias"), [outChannels], zero),
  };
}

/** Z(x; W, B): [batch, height, width, in] to [batch, height, width, out], zero until trained. */
export const zeroConvolution = (x: Tensor4D, params: Convolution<Tensor>): Tensor4D => convolution(x, params);
