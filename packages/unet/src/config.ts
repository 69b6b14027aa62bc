import { activationNames, ControlNetError } from "@controlnet-js/core";
import * as z from "zod";

/** The most that is built of each, far above what is published: a config's number must not decide how long reading takes. */
export const unetLimits = { levels: 8, blocks: 16, depth: 32, width: 2 ** 20, kernel: 31 } as const;

/** A whole number from 1. */
export const upTo = (most: number) => z.number().int().positive().max(most);

/** The same, or one for each level. */
export const upToEach = (most: number) =>
  z.union(
    [upTo(most), z.array(upTo(most)).max(unetLimits.levels)],
    `expected a whole number from 1 to ${most}, or a list of them`,
  );

const positive = upTo(unetLimits.width);
const odd = upTo(unetLimits.kernel).refine((side) => side % 2 === 1, "expected an odd number");
const activation = z.enum(activationNames);

/** The shape of a latent-diffusion U-Net. Defaults are Stable Diffusion 1.5's. */
export const unetConfigSchema = z.object({
  /** Channels of the latent that goes in: 4, or 9 for inpainting, 8 for pix2pix. */
  inChannels: positive.default(4),
  outChannels: positive.default(4),
  /** Channels of each level, from the finest; each level after the first has half the side. */
  channels: z.array(positive).min(1).max(unetLimits.levels).default([320, 640, 1280, 1280]),
  /** Residual blocks of a level in the encoder, one number for every level or one for each; the decoder has one more. */
  blocksPerLevel: upToEach(unetLimits.blocks).default(2),
  /** Whether a level has spatial transformers. */
  attention: z.array(z.boolean()).default([true, true, true, false]),
  /** Whether a level of the decoder has them, the finest first; as in the encoder where left out. */
  decoderAttention: z.array(z.boolean()).optional(),
  /** The middle block: two residual blocks around a transformer, one residual block alone, or nothing. */
  middle: z.enum(["attention", "residual", "none"]).default("attention"),
  /** Attention heads of each level. */
  heads: z.array(positive).default([8, 8, 8, 8]),
  /** Whether heads need not divide a level's channels: attention leaves out the channels beyond, as diffusers has it. */
  unevenHeads: z.boolean().optional(),
  /** Transformer blocks of each spatial transformer: one number for every level, or one for each. */
  depth: upToEach(unetLimits.depth).default(1),
  /** That of the decoder's levels, the finest first; as in the encoder where left out. */
  decoderDepth: z.array(upTo(unetLimits.depth)).optional(),
  /** Levels whose transformers look at the text alone, and not at their own pixels. */
  contextOnly: z.array(z.boolean()).optional(),
  /** Features of the text embedding. */
  contextChannels: positive.default(768),
  /** Linear layers around the transformers (SD 2) instead of 1x1 convolutions (SD 1). */
  linearProjection: z.boolean().default(false),
  groups: positive.default(32),
  /** Added to the variance in the group norms of residual blocks and output. */
  normEpsilon: z.number().positive().default(1e-5),
  /** Of residual blocks, time embedding and output. Default SiLU. */
  activation: activation.optional(),
  /** What the time embedding goes through at its end, one after another. Default nothing. */
  timeActivations: z.array(activation).max(8).optional(),
  /** Whether the time embedding scales feature maps as well as shifting them. */
  scaleShift: z.boolean().optional(),
  /** Divides what the middle's residual blocks give. Default 1. */
  middleScale: z.number().positive().optional(),
  /** Side of the first convolution's kernels. Default 3. */
  inputKernel: odd.optional(),
  /** Side of the last convolution's kernels. Default 3. */
  outputKernel: odd.optional(),
  /** Where the strided convolutions pad: 1 all around (default), or right and bottom only. */
  downPadding: z.enum(["down", "down-right"]).optional(),
  /** Whether latents `x` go in as `2 x - 1`. */
  centerInput: z.boolean().optional(),
  /** Features of the time embedding. Default four times the first level's channels. */
  timeFeatures: positive.optional(),
  /** Features of an embedded guidance, for which the model was distilled (latent consistency models). */
  guidanceChannels: positive.optional(),
  /** Whether the cosines of a timestep come before its sines. */
  cosineFirst: z.boolean().default(true),
  /** Taken off the number of frequencies in their exponents. */
  frequencyShift: z.number().default(0),
  /** Side of the latent that the model was trained on. */
  sampleSize: positive.default(64),
});

/** See {@link unetConfigSchema}. */
export type UNetConfig = z.output<typeof unetConfigSchema>;

const levelLists = [
  "attention",
  "heads",
  "decoderAttention",
  "depth",
  "decoderDepth",
  "blocksPerLevel",
  "contextOnly",
] as const;

/**
 * Completes a config with defaults and checks that its parts fit together. Numbers of blocks and depths that are the same for
 * all levels become one.
 * @throws ControlNetError `config`
 */
export function unetConfig(given: z.input<typeof unetConfigSchema> = {}): UNetConfig {
  const parsed = unetConfigSchema.safeParse(given);
  if (!parsed.success)
    throw new ControlNetError("config", `unetConfig: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
  const config = parsed.data;
  const levels = config.channels.length;
  for (const key of levelLists) {
    const list = config[key];
    if (Array.isArray(list) && list.length !== levels)
      throw new ControlNetError(
        "config",
        `unetConfig: expected ${key} for each of ${levels} levels, got ${list.length}: ${list.join(", ")}`,
      );
  }
  config.channels.forEach((channels, level) => {
    if (channels % config.groups !== 0)
      throw new ControlNetError(
        "config",
        `unetConfig: level ${level}: ${channels} channels don't divide into ${config.groups} groups`,
      );
    const heads = config.heads[level]!;
    if (attends(config, level) && (config.unevenHeads ? channels < heads : channels % heads !== 0))
      throw new ControlNetError(
        "config",
        `unetConfig: level ${level}: ${channels} channels don't divide into ${config.heads[level]} attention heads`,
      );
  });
  return { ...config, blocksPerLevel: oneOrList(config.blocksPerLevel), depth: oneOrList(config.depth) };
}

/** Whether a level of the decoder has spatial transformers. */
export const decoderAttends = (
  { attention, decoderAttention = attention }: UNetConfig,
  level: number,
): boolean => decoderAttention[level]!;

/** Channels inside the spatial transformers of a level. */
export const attentionChannels = ({ channels, heads }: UNetConfig, level: number): number =>
  channels[level]! - (channels[level]! % heads[level]!);

/** Transformer blocks of each spatial transformer of a level of the encoder. */
export const depthAt = ({ depth }: UNetConfig, level: number): number => at(depth, level);

/** Transformer blocks of each spatial transformer of a level of the decoder. */
export const decoderDepthAt = ({ depth, decoderDepth }: UNetConfig, level: number): number =>
  at(decoderDepth ?? depth, level);

/** Residual blocks of a level of the encoder; the decoder has one more. */
export const blocksAt = ({ blocksPerLevel }: UNetConfig, level: number): number => at(blocksPerLevel, level);

/** Whether a level's transformers look at the text alone. The middle's never do. */
export const contextOnlyAt = ({ contextOnly }: UNetConfig, level: number): boolean =>
  contextOnly?.[level] ?? false;

/** Features of the time embedding. */
export const timeFeaturesOf = ({ channels, timeFeatures = 4 * channels[0]! }: UNetConfig): number =>
  timeFeatures;

const at = (values: number | readonly number[], level: number): number =>
  typeof values === "number" ? values : values[level]!;

/** Whether anything on a level has heads. */
const attends = (config: UNetConfig, level: number): boolean =>
  config.attention[level]! ||
  decoderAttends(config, level) ||
  (config.middle === "attention" && level === config.channels.length - 1);

/** One number where all levels have the same. */
export const oneOrList = (values: number | number[]): number | number[] =>
  Array.isArray(values) && values.every((value) => value === values[0]) ? values[0]! : values;
