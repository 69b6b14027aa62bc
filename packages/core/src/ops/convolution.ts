import {
  add,
  conv2d,
  matMul,
  pad,
  reshape,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import { ControlNetError } from "../errors.js";
import { type Initializer, join } from "../initializer.js";

/** `kernel` [height, width, in, out], `bias` [out]. */
export interface Convolution<L = Tensor> {
  kernel: L;
  bias: L;
}

/** New parameters of a convolution with square kernels, drawn as PyTorch does. */
export function createConvolution<L>(
  init: Initializer<L>,
  path: string,
  inChannels: number,
  outChannels: number,
  size = 3,
): Convolution<L> {
  const fanIn = inChannels * size * size;
  return {
    kernel: init(join(path, "kernel"), [size, size, inChannels, outChannels], { kind: "fan-in", fanIn }),
    bias: init(join(path, "bias"), [outChannels], { kind: "fan-in", fanIn }),
  };
}

/** How a convolution walks over its input. */
export interface ConvolutionOptions {
  /** Default 1. */
  stride?: 1 | 2;
  /** Default `"same"`, at stride 2 `"down"`. `"same"` keeps the size at stride 1; `"down"` pads 1 on each side; `"down-right"` pads right and bottom only. */
  padding?: "same" | "down" | "down-right";
}

/**
 * Two-dimensional convolution of `x` [batch, height, width, in] to [batch, height / stride, width / stride, out].
 * A 1x1 kernel runs as a matrix product.
 * @throws ControlNetError `shape` where channels don't fit
 */
export function convolution(
  x: Tensor4D,
  { kernel, bias }: Convolution,
  { stride = 1, padding = stride === 2 ? "down" : "same" }: ConvolutionOptions = {},
): Tensor4D {
  const [height, width, inChannels, outChannels] = kernel.shape as [number, number, number, number];
  if (x.shape[3] !== inChannels)
    throw new ControlNetError(
      "shape",
      `convolution: expected ${inChannels} input channels, got ${x.shape[3]} (input [${x.shape}], kernel [${kernel.shape}])`,
    );
  if (height === 1 && width === 1 && stride === 1) {
    const rows = reshape(x, [-1, inChannels]);
    const product = matMul(rows, reshape(kernel, [inChannels, outChannels]));
    return reshape(add(product, bias), [x.shape[0], x.shape[1], x.shape[2], outChannels]);
  }
  const weights = kernel as Tensor4D;
  if (padding === "same") return add(conv2d(x, weights, stride, "same"), bias as Tensor1D);
  const before = padding === "down" ? 1 : 0;
  const padded = pad(x, [
    [0, 0],
    [before, 1],
    [before, 1],
    [0, 0],
  ]);
  return add(conv2d(padded, weights, stride, "valid"), bias as Tensor1D);
}
