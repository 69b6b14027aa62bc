import {
  type Convolution,
  createConvolution,
  createNorm,
  createResample,
  createResidualBlock,
  createSpatialTransformer,
  createTimeEmbedding,
  type Initializer,
  join,
  type Model,
  type Norm,
  type ResidualBlock,
  type SpatialTransformer,
  type TimeEmbedding,
} from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  attentionChannels,
  blocksAt,
  contextOnlyAt,
  decoderAttends,
  decoderDepthAt,
  depthAt,
  timeFeaturesOf,
  type UNetConfig,
} from "./config.js";

/** One encoder block after the input convolution: residual block, transformer, or the downsampling at a level's end. */
export interface EncoderLevel<L = Tensor> {
  residual: ResidualBlock<L>[];
  transformer?: SpatialTransformer<L>[];
  downsample?: Convolution<L>;
}

/** One decoder level, from the coarsest: one residual block for each skip connection it takes. */
export interface DecoderLevel<L = Tensor> {
  residual: ResidualBlock<L>[];
  transformer?: SpatialTransformer<L>[];
  upsample?: Convolution<L>;
}

/** The part of a U-Net that a ControlNet copies: time embedding, encoder and middle block. */
export interface EncoderParams<L = Tensor> {
  time: TimeEmbedding<L>;
  input: Convolution<L>;
  down: EncoderLevel<L>[];
  /** Absent where the U-Net has none; one residual block alone where it does not attend. */
  middle?: { residual1: ResidualBlock<L>; transformer?: SpatialTransformer<L>; residual2?: ResidualBlock<L> };
}

/** The parameters of a latent-diffusion U-Net. */
export interface UNetParams<L = Tensor> extends EncoderParams<L> {
  up: DecoderLevel<L>[];
  outputNorm: Norm<L>;
  output: Convolution<L>;
}

/** A U-Net: with leaves of tensors, or of shapes alone. */
export type UNet<L = Tensor> = Model<UNetParams<L>, UNetConfig>;

const transformerShape = (config: UNetConfig, level: number, depth: number) => ({
  channels: config.channels[level]!,
  innerChannels: attentionChannels(config, level),
  contextChannels: config.contextChannels,
  depth,
  linearProjection: config.linearProjection,
  contextOnly: contextOnlyAt(config, level),
});

const residualOf = <L>(config: UNetConfig, init: Initializer<L>, path: string, from: number, to: number) =>
  createResidualBlock(init, path, from, to, timeFeaturesOf(config), {
    scaleShift: config.scaleShift ?? false,
  });

/** New parameters of time embedding, encoder and middle block. */
export function createEncoder<L>(config: UNetConfig, init: Initializer<L>, path = ""): EncoderParams<L> {
  const at = (key: string) => join(path, key);
  const { channels: widths } = config;
  const last = widths.length - 1;
  const down = widths.map((channels, level): EncoderLevel<L> => {
    const before = widths[level - 1] ?? widths[0]!;
    const name = (key: string) => at(`down.${level}.${key}`);
    const shape = transformerShape(config, level, depthAt(config, level));
    const each = <T>(make: (i: number) => T) =>
      Array.from({ length: blocksAt(config, level) }, (_, i) => make(i));
    return {
      residual: each((i) =>
        residualOf(config, init, name(`residual.${i}`), i === 0 ? before : channels, channels),
      ),
      ...(config.attention[level] && {
        transformer: each((i) => createSpatialTransformer(init, name(`transformer.${i}`), shape)),
      }),
      ...(level < last && { downsample: createResample(init, name("downsample"), channels) }),
    };
  });
  return {
    time: createTimeEmbedding(init, at("time"), widths[0]!, {
      features: config.timeFeatures,
      guidanceChannels: config.guidanceChannels,
    }),
    input: createConvolution(init, at("input"), config.inChannels, widths[0]!, config.inputKernel),
    down,
    ...(config.middle !== "none" && { middle: createMiddle(config, init, at("middle")) }),
  };
}

function createMiddle<L>(config: UNetConfig, init: Initializer<L>, path: string) {
  const last = config.channels.length - 1;
  const deepest = config.channels[last]!;
  const residual = (key: string) => residualOf(config, init, join(path, key), deepest, deepest);
  const residual1 = residual("residual1");
  if (config.middle === "residual") return { residual1 };
  const shape = { ...transformerShape(config, last, depthAt(config, last)), contextOnly: false };
  const transformer = createSpatialTransformer(init, join(path, "transformer"), shape);
  return { residual1, transformer, residual2: residual("residual2") };
}

/** Channels of the skip connections, in the order in which the encoder gives them: 12 for Stable Diffusion. */
export function skipChannels(config: UNetConfig): number[] {
  const widths = config.channels;
  const perLevel = widths.map((channels, level) => {
    const blocks = Array.from({ length: blocksAt(config, level) }, () => channels);
    return level < widths.length - 1 ? [...blocks, channels] : blocks;
  });
  return [widths[0]!, ...perLevel.flat()];
}

/** A new U-Net. `randomInitializer(seed)` gives tensors, which the caller disposes, `shapeInitializer` shapes alone. */
export function createUNet<L>(config: UNetConfig, init: Initializer<L>): UNet<L> {
  const skips = skipChannels(config);
  const levels = config.channels.map((channels, level) => ({ channels, level })).reverse();
  let previous = config.channels[config.channels.length - 1]!;
  const up = levels.map(({ channels, level }, i): DecoderLevel<L> => {
    const blocks = Array.from({ length: blocksAt(config, level) + 1 }, (_, block) => block);
    const shape = transformerShape(config, level, decoderDepthAt(config, level));
    const name = (key: string) => `up.${i}.${key}`;
    return {
      residual: blocks.map((block) => {
        const inChannels = previous + skips.pop()!;
        previous = channels;
        return residualOf(config, init, name(`residual.${block}`), inChannels, channels);
      }),
      ...(decoderAttends(config, level) && {
        transformer: blocks.map((block) =>
          createSpatialTransformer(init, name(`transformer.${block}`), shape),
        ),
      }),
      ...(level > 0 && { upsample: createResample(init, name("upsample"), channels) }),
    };
  });
  const params: UNetParams<L> = {
    ...createEncoder(config, init),
    up,
    outputNorm: createNorm(init, "outputNorm", config.channels[0]!),
    output: createConvolution(init, "output", config.channels[0]!, config.outChannels, config.outputKernel),
  };
  return { params, config };
}
