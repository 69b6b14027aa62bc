import { add, reshape, type Tensor, type Tensor2D, type Tensor4D } from "@tensorflow/tfjs-core";
import { type Initializer, join } from "../initializer.js";
import { silu } from "../ops/activations.js";
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

/** New parameters of a residual block; `timeFeatures` 0 leaves the time projection out. */
export function createResidualBlock<L>(
  init: Initializer<L>,
  path: string,
  inChannels: number,
  outChannels: number,
  timeFeatures: number,
): ResidualBlock<L> {
  const at = (key: string) => join(path, key);
  return {
    norm1: createNorm(init, at("norm1"), inChannels),
    convolution1: createConvolution(init, at("convolution1"), inChannels, outChannels),
    ...(timeFeatures > 0 && { time: createLinear(init, at("time"), timeFeatures, outChannels) }),
    norm2: createNorm(init, at("norm2"), outChannels),
    convolution2: createConvolution(init, at("convolution2"), outChannels, outChannels),
    ...(inChannels !== outChannels && {
      skip: createConvolution(init, at("skip"), inChannels, outChannels, 1),
    }),
  };
}

export interface ResidualBlockOptions {
  groups: number;
  epsilon: number;
}

/**
 * `x` [batch, height, width, in] to [batch, height, width, out].
 * @param time [batch, timeFeatures], after which SiLU is applied here
 */
export function residualBlock(
  x: Tensor4D,
  params: ResidualBlock,
  time: Tensor2D | undefined,
  { groups, epsilon }: ResidualBlockOptions,
): Tensor4D {
  let h = convolution(silu(groupNorm(x, params.norm1, groups, epsilon)), params.convolution1);
  if (params.time && time) {
    const shift = linear(silu(time), params.time);
    h = add(h, reshape(shift, [shift.shape[0], 1, 1, shift.shape[1]]));
  }
  h = convolution(silu(groupNorm(h, params.norm2, groups, epsilon)), params.convolution2);
  return add(params.skip ? convolution(x, params.skip) : x, h);
}
