import type { KeyRow } from "@controlnet-js/checkpoints";
import {
  add,
  conv2d,
  depthwiseConv2d,
  mul,
  pad,
  reshape,
  rsqrt,
  sub,
  type Tensor,
  type Tensor4D,
} from "@tensorflow/tfjs-core";

/** A convolution followed by a batch norm in use: all four of its vectors are [out]. */
export interface NormalizedConvolution {
  /** [height, width, in, out]; [height, width, 1, channels] where each channel has a kernel of its own. */
  kernel: Tensor;
  /** [out], where the convolution has one. */
  bias?: Tensor;
  scale: Tensor;
  offset: Tensor;
  mean: Tensor;
  variance: Tensor;
}

/** How a {@link NormalizedConvolution} is published. */
export interface NormalizedConvolutionKeys {
  convolution: string;
  normalization: string;
  /** [height, width, in, out]. */
  kernel: [number, number, number, number];
  bias: boolean;
}

/** The rows of the key table for one such layer. */
export function normalizedConvolutionRows(path: string, keys: NormalizedConvolutionKeys): KeyRow[] {
  const { convolution, normalization, kernel, bias } = keys;
  const vector = (leaf: string, key: string): KeyRow => ({
    path: `${path}.${leaf}`,
    key,
    layout: "plain",
    shape: [kernel[3]],
  });
  return [
    { path: `${path}.kernel`, key: `${convolution}.weight`, layout: "convolution", shape: kernel },
    ...(bias ? [vector("bias", `${convolution}.bias`)] : []),
    vector("scale", `${normalization}.weight`),
    vector("offset", `${normalization}.bias`),
    vector("mean", `${normalization}.running_mean`),
    vector("variance", `${normalization}.running_var`),
  ];
}

/** How a {@link NormalizedConvolution} runs. */
export interface RunOptions {
  /** With 2 one row and column of zeros is added below and to the right, as TensorFlow Lite does. */
  stride?: 1 | 2;
  dilation?: number;
  /** A kernel for each channel. */
  depthwise?: boolean;
}

/** `x` [batch, height, width, in] to [batch, height / stride, width / stride, out]. */
export function normalizedConvolution(
  x: Tensor4D,
  params: NormalizedConvolution,
  { stride = 1, dilation = 1, depthwise = false }: RunOptions = {},
): Tensor4D {
  const kernel = params.kernel as Tensor4D;
  const input =
    stride === 1
      ? x
      : pad(x, [
          [0, 0],
          [0, 1],
          [0, 1],
          [0, 0],
        ]);
  const padding = stride === 1 ? "same" : "valid";
  const convolved = depthwise
    ? depthwiseConv2d(input, perChannel(kernel), stride, padding)
    : conv2d(input, kernel, stride, padding, "NHWC", dilation);
  const slope = mul(params.scale, rsqrt(add(params.variance, 1e-5)));
  const shift = params.bias ? sub(params.bias, params.mean) : mul(params.mean, -1);
  return add(mul(add(convolved, shift), slope), params.offset);
}

/** tfjs keeps a kernel for each channel as [height, width, channels, 1]. */
const perChannel = (kernel: Tensor4D): Tensor4D =>
  reshape(kernel, [kernel.shape[0], kernel.shape[1], kernel.shape[3], 1]);
