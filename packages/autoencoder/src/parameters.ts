import {
  type Attention,
  type Convolution,
  createAttention,
  createConvolution,
  createNorm,
  createResample,
  createResidualBlock,
  type Initializer,
  join,
  type Model,
  type Norm,
  type ResidualBlock,
} from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { AutoencoderConfig } from "./config.js";

/** One resolution: residual blocks, then the way to the next level, which the last level lacks. */
export interface Level<L = Tensor> {
  residual: ResidualBlock<L>[];
  resample?: Convolution<L>;
}

/** Two residual blocks at the coarsest level, with single-head attention over the pixels in between. */
export interface Middle<L = Tensor> {
  residual1: ResidualBlock<L>;
  attention?: { norm: Norm<L> } & Attention<L>;
  residual2: ResidualBlock<L>;
}

/** Picture to moments. `levels` from fine to coarse. */
export interface Encoder<L = Tensor> {
  convolutionIn: Convolution<L>;
  levels: Level<L>[];
  middle: Middle<L>;
  normOut: Norm<L>;
  convolutionOut: Convolution<L>;
}

/** Latent to picture. `levels` in the order in which they run: from coarse to fine. */
export interface Decoder<L = Tensor> {
  convolutionIn: Convolution<L>;
  middle: Middle<L>;
  levels: Level<L>[];
  normOut: Norm<L>;
  convolutionOut: Convolution<L>;
}

/** All parameters of the autoencoder. */
export interface AutoencoderParams<L = Tensor> {
  encoder: Encoder<L>;
  quantConvolution?: Convolution<L>;
  postQuantConvolution?: Convolution<L>;
  decoder: Decoder<L>;
}

/** A KL autoencoder: with leaves of tensors, or of shapes alone. */
export type Autoencoder<L = Tensor> = Model<AutoencoderParams<L>, AutoencoderConfig>;

/** A new autoencoder, or its shapes with `shapeInitializer`. The caller disposes it. */
export function createAutoencoder<L>(
  config: AutoencoderConfig,
  init: Initializer<L>,
  path = "",
): Autoencoder<L> {
  const { latentChannels } = config;
  const at = (key: string) => join(path, key);
  const params: AutoencoderParams<L> = {
    encoder: createEncoder(config, init, at("encoder")),
    ...(config.quantConvolution && {
      quantConvolution: createConvolution(
        init,
        at("quantConvolution"),
        2 * latentChannels,
        2 * latentChannels,
        1,
      ),
    }),
    ...(config.postQuantConvolution && {
      postQuantConvolution: createConvolution(
        init,
        at("postQuantConvolution"),
        latentChannels,
        latentChannels,
        1,
      ),
    }),
    decoder: createDecoder(config, init, at("decoder")),
  };
  return { params, config };
}

function createEncoder<L>(config: AutoencoderConfig, init: Initializer<L>, path: string): Encoder<L> {
  const { channels, imageChannels, latentChannels, blocksPerLevel } = config;
  const at = (key: string) => join(path, key);
  const last = channels.at(-1)!;
  return {
    convolutionIn: createConvolution(init, at("convolutionIn"), imageChannels, channels[0]!),
    levels: createLevels(init, at("levels"), channels[0]!, channels, blocksPerLevel),
    middle: createMiddle(init, at("middle"), last, config.middleAttention),
    normOut: createNorm(init, at("normOut"), last),
    convolutionOut: createConvolution(init, at("convolutionOut"), last, 2 * latentChannels),
  };
}

function createDecoder<L>(config: AutoencoderConfig, init: Initializer<L>, path: string): Decoder<L> {
  const { channels, imageChannels, latentChannels, blocksPerLevel } = config;
  const at = (key: string) => join(path, key);
  const last = channels.at(-1)!;
  return {
    convolutionIn: createConvolution(init, at("convolutionIn"), latentChannels, last),
    middle: createMiddle(init, at("middle"), last, config.middleAttention),
    levels: createLevels(init, at("levels"), last, channels.toReversed(), blocksPerLevel + 1),
    normOut: createNorm(init, at("normOut"), channels[0]!),
    convolutionOut: createConvolution(init, at("convolutionOut"), channels[0]!, imageChannels),
  };
}

function createLevels<L>(
  init: Initializer<L>,
  path: string,
  inChannels: number,
  channels: readonly number[],
  blocks: number,
): Level<L>[] {
  return channels.map((count, i) => {
    const at = (key: string) => join(path, `${i}.${key}`);
    const before = channels[i - 1] ?? inChannels;
    return {
      residual: Array.from({ length: blocks }, (_, j) =>
        createResidualBlock(init, at(`residual.${j}`), j === 0 ? before : count, count, 0),
      ),
      ...(i < channels.length - 1 && { resample: createResample(init, at("resample"), count) }),
    };
  });
}

function createMiddle<L>(
  init: Initializer<L>,
  path: string,
  channels: number,
  attention: boolean,
): Middle<L> {
  const at = (key: string) => join(path, key);
  return {
    residual1: createResidualBlock(init, at("residual1"), channels, channels, 0),
    ...(attention && {
      attention: {
        norm: createNorm(init, at("attention.norm"), channels),
        ...createAttention(init, at("attention"), channels, channels, { bias: true }),
      },
    }),
    residual2: createResidualBlock(init, at("residual2"), channels, channels, 0),
  };
}
