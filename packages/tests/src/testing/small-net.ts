import {
  convolution,
  createConvolution,
  createNorm,
  createResample,
  createResidualBlock,
  createSpatialTransformer,
  createTimeEmbedding,
  downsample,
  embedTimesteps,
  groupNorm,
  type Initializer,
  residualBlock,
  silu,
  spatialTransformer,
  upsample,
} from "@controlnet-js/core";
import { concat, type Tensor, type Tensor1D, type Tensor3D, type Tensor4D } from "@tensorflow/tfjs-core";

/** A two-level U-Net of core's blocks: every operation that training such a net runs. */
export const createSmallNet = <L>(init: Initializer<L>, channels: number) => ({
  time: createTimeEmbedding(init, "time", channels),
  first: createConvolution(init, "first", 4, channels),
  encode: createResidualBlock(init, "encode", channels, channels, 4 * channels),
  down: createResample(init, "down", channels),
  middle: createResidualBlock(init, "middle", channels, 2 * channels, 4 * channels),
  attend: createSpatialTransformer(init, "attend", {
    channels: 2 * channels,
    contextChannels: channels,
    depth: 1,
    linearProjection: false,
  }),
  up: createResample(init, "up", 2 * channels),
  decode: createResidualBlock(init, "decode", 3 * channels, channels, 4 * channels),
  norm: createNorm(init, "norm", channels),
  last: createConvolution(init, "last", channels, 4),
});

export type SmallNet = ReturnType<typeof createSmallNet<Tensor>>;

const options = { groups: 8, epsilon: 1e-5 };

/** Noise of `x` [batch, height, width, 4] at `timesteps` [batch] under `context` [batch, tokens, channels]. */
export function smallNet(x: Tensor4D, params: SmallNet, timesteps: Tensor1D, context: Tensor3D): Tensor4D {
  const time = embedTimesteps(timesteps, params.time);
  const skip = residualBlock(convolution(x, params.first), params.encode, time, options);
  let h = residualBlock(downsample(skip, params.down), params.middle, time, options);
  h = upsample(spatialTransformer(h, params.attend, context, { heads: 4, groups: 8 }), params.up);
  h = residualBlock(concat([h, skip], 3), params.decode, time, options);
  return convolution(silu(groupNorm(h, params.norm, 8, 1e-5)), params.last);
}
