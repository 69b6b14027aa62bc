import { ControlNetError } from "@controlnet-js/core";
import { z } from "zod";

const positive = z.number().int().positive();

/** The shape of a latent-diffusion U-Net. Defaults are Stable Diffusion 1.5's. */
export const unetConfigSchema = z.object({
  /** Channels of the latent that goes in: 4, or 9 for inpainting, 8 for pix2pix. */
  inChannels: positive.default(4),
  outChannels: positive.default(4),
  /** Channels of each level, from the finest; each level after the first has half the side. */
  channels: z.array(positive).min(1).default([320, 640, 1280, 1280]),
  /** Residual blocks of a level in the encoder; the decoder has one more. */
  blocksPerLevel: positive.default(2),
  /** Whether a level has spatial transformers. */
  attention: z.array(z.boolean()).default([true, true, true, false]),
  /** Attention heads of each level. */
  heads: z.array(positive).default([8, 8, 8, 8]),
  /** Transformer blocks of each spatial transformer. */
  depth: positive.default(1),
  /** Features of the text embedding. */
  contextChannels: positive.default(768),
  /** Linear layers around the transformers (SD 2) instead of 1x1 convolutions (SD 1). */
  linearProjection: z.boolean().default(false),
  groups: positive.default(32),
  /** Side of the latent that the model was trained on. */
  sampleSize: positive.default(64),
});

/** See {@link unetConfigSchema}. */
export type UNetConfig = z.output<typeof unetConfigSchema>;

/**
 * Completes a config with defaults and checks that its parts fit together.
 * @throws ControlNetError `config`
 */
export function unetConfig(given: z.input<typeof unetConfigSchema> = {}): UNetConfig {
  const parsed = unetConfigSchema.safeParse(given);
  if (!parsed.success)
    throw new ControlNetError("config", `unetConfig: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
  const config = parsed.data;
  const levels = config.channels.length;
  if (config.attention.length !== levels || config.heads.length !== levels)
    throw new ControlNetError(
      "config",
      `unetConfig: expected attention and heads for each of ${levels} levels, got ${config.attention.length} and ${config.heads.length}`,
    );
  config.channels.forEach((channels, level) => {
    if (channels % config.groups !== 0)
      throw new ControlNetError(
        "config",
        `unetConfig: level ${level}: ${channels} channels don't divide into ${config.groups} groups`,
      );
    if (channels % config.heads[level]! !== 0)
      throw new ControlNetError(
        "config",
        `unetConfig: level ${level}: ${channels} channels don't divide into ${config.heads[level]} heads`,
      );
  });
  return config;
}

/** The parts of diffusers' `config.json` of a UNet2DConditionModel (or ControlNetModel) that decide its shape. */
const diffusersSchema = z.object({
  in_channels: positive.default(4),
  out_channels: positive.default(4),
  block_out_channels: z.array(positive),
  layers_per_block: positive.default(2),
  down_block_types: z.array(z.string()),
  attention_head_dim: z.union([positive, z.array(positive)]).default(8),
  num_attention_heads: z.union([positive, z.array(positive)]).nullish(),
  transformer_layers_per_block: positive.default(1),
  cross_attention_dim: positive,
  use_linear_projection: z.boolean().default(false),
  norm_num_groups: positive.default(32),
  sample_size: positive.nullish(),
  act_fn: z.literal("silu").default("silu"),
  flip_sin_to_cos: z.literal(true).default(true),
  freq_shift: z.literal(0).default(0),
  norm_eps: z.literal(1e-5).default(1e-5),
  class_embed_type: z.null().optional(),
  addition_embed_type: z.null().optional(),
});

/**
 * Reads diffusers' `config.json`. What this project does not build is refused by name.
 * @throws ControlNetError `config` or `unsupported`
 */
export function unetConfigFromDiffusers(json: unknown): UNetConfig {
  const parsed = diffusersSchema.safeParse(json);
  if (!parsed.success)
    throw new ControlNetError(
      "unsupported",
      `unetConfigFromDiffusers: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`,
    );
  const given = parsed.data;
  const attention = given.down_block_types.map((type) => {
    if (type === "CrossAttnDownBlock2D") return true;
    if (type === "DownBlock2D") return false;
    throw new ControlNetError(
      "unsupported",
      `unetConfigFromDiffusers: block type "${type}"; known are CrossAttnDownBlock2D and DownBlock2D`,
    );
  });
  // diffusers keeps a misnomer: where num_attention_heads is absent, attention_head_dim holds the number of heads.
  const heads = given.num_attention_heads ?? given.attention_head_dim;
  return unetConfig({
    inChannels: given.in_channels,
    outChannels: given.out_channels,
    channels: given.block_out_channels,
    blocksPerLevel: given.layers_per_block,
    attention,
    heads: Array.isArray(heads) ? heads : attention.map(() => heads),
    depth: given.transformer_layers_per_block,
    contextChannels: given.cross_attention_dim,
    linearProjection: given.use_linear_projection,
    groups: given.norm_num_groups,
    sampleSize: given.sample_size ?? 64,
  });
}

/** The fields that diffusers' UNet2DConditionModel and ControlNetModel configs share. */
export function sharedDiffusersConfig(config: UNetConfig): Record<string, unknown> {
  return {
    _diffusers_version: "0.42.1",
    act_fn: "silu",
    attention_head_dim: config.heads.every((h) => h === config.heads[0]) ? config.heads[0] : config.heads,
    block_out_channels: config.channels,
    cross_attention_dim: config.contextChannels,
    down_block_types: config.attention.map((on) => (on ? "CrossAttnDownBlock2D" : "DownBlock2D")),
    downsample_padding: 1,
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: config.inChannels,
    layers_per_block: config.blocksPerLevel,
    mid_block_scale_factor: 1,
    norm_eps: 1e-5,
    norm_num_groups: config.groups,
    transformer_layers_per_block: config.depth,
    use_linear_projection: config.linearProjection,
  };
}

/** diffusers' `config.json` for a U-Net of this shape. */
export function unetConfigToDiffusers(config: UNetConfig): Record<string, unknown> {
  return {
    _class_name: "UNet2DConditionModel",
    ...sharedDiffusersConfig(config),
    center_input_sample: false,
    mid_block_type: "UNetMidBlock2DCrossAttn",
    out_channels: config.outChannels,
    sample_size: config.sampleSize,
    up_block_types: config.attention.map((on) => (on ? "CrossAttnUpBlock2D" : "UpBlock2D")).reverse(),
  };
}
