import {
  add,
  div,
  mul,
  reshape,
  split,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import { type Initializer, join } from "../initializer.js";
import { type Activation, activations } from "../ops/activations.js";
import { type Convolution, convolution, createConvolution } from "../ops/convolution.js";
import { createNorm, groupNorm, type Norm } from "../ops/group-norm.js";
import { createLinear, type Linear, linear } from "../ops/linear.js";

/** Norm, SiLU, 3x3 convolution, twice, around a skip; the time embedding is added in between. */
export interface ResidualBlock<L = Tensor> {
  norm1: Norm<L>;
  convolution1: Convolution<L>;
  /** Absent in the autoencoder, which knows no time. */
  time?: Linear<L>;
  norm2: Norm<L>;
  convolution2: Convolution<L>;
  /** A 1x1 convolution where the channels change. */
  skip?: Convolution<L>;
}

/**
 * New parameters of a residual block; `timeFeatures` 0 leaves the time projection out.
 * @param scaleShift whether the time embedding scales the second norm as well as shifting it: it projects to twice the channels
 */
export function createResidualBlock<L>(
  init: Initializer<L>,
  path: string,
  inChannels: number,
  outChannels: number,
  timeFeatures: number,
  { scaleShift = false }: { scaleShift?: boolean } = {},
): ResidualBlock<L> {
  const at = (key: string) => join(path, key);
  const timeChannels = scaleShift ? 2 * outChannels : outChannels;
  return {
    norm1: createNorm(init, at("norm1"), inChannels),
    convolution1: createConvolution(init, at("convolution1"), inChannels, outChannels),
    ...(timeFeatures > 0 && { time: createLinear(init, at("time"), timeFeatures, timeChannels) }),
    norm2: createNorm(init, at("norm2"), outChannels),
    convolution2: createConvolution(init, at("convolution2"), outChannels, outChannels),
    ...(inChannels !== outChannels && {
      skip: createConvolution(init, at("skip"), inChannels, outChannels, 1),
    }),
  };
}

/** How a residual block computes, apart from its parameters. */
export interface ResidualBlockOptions {
  /** Of both group norms. */
  groups: number;
  /** Of both group norms: 1e-5 in the U-Net, 1e-6 in the autoencoder. */
  epsilon: number;
  /** After each norm, and before the time projection. Default `"silu"`. */
  activation?: Activation;
  /** Divides the sum of skip and block. Default 1. */
  outputScale?: number;
}

/**
 * `x` [batch, height, width, in] to [batch, height, width, out]. The time embedding is added before the second norm; one
 * that projects to twice the channels scales and shifts after it: `norm(h) (1 + scale) + shift` (Dhariwal and Nichol, 2021).
 * @param time [batch, timeFeatures], before its activation
 */
export function residualBlock(
  x: Tensor4D,
  params: ResidualBlock,
  time: Tensor2D | undefined,
  { groups, epsilon, activation = "silu", outputScale = 1 }: ResidualBlockOptions,
): Tensor4D {
  const activate = activations[activation];
  let h = convolution(activate(groupNorm(x, params.norm1, groups, epsilon)), params.convolution1);
  const shift = params.time && time && perPixel(linear(activate(time), params.time));
  const channels = h.shape[3];
  if (shift && shift.shape[3] === channels) h = add(h, shift);
  h = groupNorm(h, params.norm2, groups, epsilon);
  if (shift && shift.shape[3] === 2 * channels) {
    const [scale, offset] = split(shift, 2, 3) as [Tensor4D, Tensor4D];
    h = add(mul(h, add(scale, 1)), offset);
  }
  h = convolution(activate(h), params.convolution2);
  const sum = add<Tensor4D>(params.skip ? convolution(x, params.skip) : x, h);
  return outputScale === 1 ? sum : div(sum, outputScale);
}

/** [batch, channels] to [batch, 1, 1, channels]. */
const perPixel = (x: Tensor2D): Tensor4D => reshape(x, [x.shape[0], 1, 1, x.shape[1]]);
