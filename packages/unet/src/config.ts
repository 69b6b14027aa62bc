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
  /** Whether a level of the decoder has them, the finest first; as in the encoder where left out. */
  decoderAttention: z.array(z.boolean()).optional(),
  /** The middle block: two residual blocks around a transformer, one residual block alone, or nothing. */
  middle: z.enum(["attention", "residual", "none"]).default("attention"),
  /** Attention heads of each level. */
  heads: z.array(positive).default([8, 8, 8, 8]),
  /** Whether heads need not divide a level's channels: attention leaves out the channels beyond, as diffusers has it. */
  unevenHeads: z.boolean().optional(),
  /** Transformer blocks of each spatial transformer: one number for every level, or one for each. */
  depth: z.union([positive, z.array(positive)]).default(1),
  /** Features of the text embedding. */
  contextChannels: positive.default(768),
  /** Linear layers around the transformers (SD 2) instead of 1x1 convolutions (SD 1). */
  linearProjection: z.boolean().default(false),
  groups: positive.default(32),
  /** Added to the variance in the group norms of residual blocks and output. */
  normEpsilon: z.number().positive().default(1e-5),
  /** Whether the cosines of a timestep come before its sines. */
  cosineFirst: z.boolean().default(true),
  /** Taken off the number of frequencies in their exponents. */
  frequencyShift: z.number().default(0),
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
  const counts = [config.attention, config.heads, config.decoderAttention, config.depth].map((list) =>
    Array.isArray(list) ? list.length : levels,
  );
  if (counts.some((count) => count !== levels))
    throw new ControlNetError(
      "config",
      `unetConfig: expected attention, heads, decoderAttention and depth for each of ${levels} levels, got ${counts.join(", ")}`,
    );
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
  return config;
}

/** Whether a level of the decoder has spatial transformers. */
export const decoderAttends = (
  { attention, decoderAttention = attention }: UNetConfig,
  level: number,
): boolean => decoderAttention[level]!;

/** Channels inside the spatial transformers of a level. */
export const attentionChannels = ({ channels, heads }: UNetConfig, level: number): number =>
  channels[level]! - (channels[level]! % heads[level]!);

/** Transformer blocks of each spatial transformer of a level. */
export const depthAt = ({ depth }: UNetConfig, level: number): number =>
  typeof depth === "number" ? depth : depth[level]!;

/** Whether anything on a level has heads. */
const attends = (config: UNetConfig, level: number): boolean =>
  config.attention[level]! ||
  decoderAttends(config, level) ||
  (config.middle === "attention" && level === config.channels.length - 1);

const perLevel = z.union([positive, z.array(positive)]);

/** The parts of diffusers' `config.json` of a UNet2DConditionModel (or ControlNetModel) that decide what it computes. */
const diffusersSchema = z.object({
  in_channels: positive.default(4),
  out_channels: positive.default(4),
  block_out_channels: z.array(positive).default([320, 640, 1280, 1280]),
  layers_per_block: perLevel.default(2),
  down_block_types: z
    .array(z.string())
    .default([...["", "", ""].map(() => "CrossAttnDownBlock2D"), "DownBlock2D"]),
  up_block_types: z.array(z.string()).optional(),
  mid_block_type: z.string().nullable().default("UNetMidBlock2DCrossAttn"),
  attention_head_dim: perLevel.default(8),
  num_attention_heads: perLevel.nullish(),
  transformer_layers_per_block: perLevel.default(1),
  cross_attention_dim: perLevel.default(1280),
  use_linear_projection: z.boolean().default(false),
  norm_num_groups: positive.default(32),
  norm_eps: z.number().positive().default(1e-5),
  flip_sin_to_cos: z.boolean().default(true),
  freq_shift: z.number().default(0),
  sample_size: perLevel.nullish(),
  time_embedding_dim: positive.nullish(),
});

/** What diffusers has and this project does not build: keys with the values that change nothing, the default first. */
const onlyValues: Readonly<Record<string, readonly unknown[]>> = {
  act_fn: ["silu", "swish"],
  addition_embed_type: [null],
  attention_type: ["default"],
  center_input_sample: [false],
  class_embed_type: [null],
  class_embeddings_concat: [false],
  conv_in_kernel: [3],
  conv_out_kernel: [3],
  downsample_padding: [1],
  dual_cross_attention: [false],
  encoder_hid_dim: [null],
  encoder_hid_dim_type: [null],
  mid_block_scale_factor: [1],
  num_class_embeds: [null],
  only_cross_attention: [false],
  resnet_time_scale_shift: ["default"],
  reverse_transformer_layers_per_block: [null],
  time_cond_proj_dim: [null],
  time_embedding_act_fn: [null],
  time_embedding_type: ["positional"],
  timestep_post_act: [null],
};

/** Lists with an entry for each level. */
const levelKeys: readonly string[] = [
  "down_block_types",
  "up_block_types",
  "attention_head_dim",
  "num_attention_heads",
  "transformer_layers_per_block",
];

const middleTypes: readonly (readonly [string | null, UNetConfig["middle"]])[] = [
  ["UNetMidBlock2DCrossAttn", "attention"],
  ["UNetMidBlock2D", "residual"],
  [null, "none"],
];

const unsupported = (message: string): ControlNetError =>
  new ControlNetError("unsupported", `unetConfigFromDiffusers: ${message}`);

/** A setting with another value than those that are built, and the way out. */
const refused = (key: string, value: unknown, built: readonly unknown[]): ControlNetError => {
  const known = built.map((one) => JSON.stringify(one));
  return unsupported(
    `${key} ${JSON.stringify(value)} is not supported, only ${known.join(" and ")}; use a model without it, such as Stable Diffusion 1 or 2 and what is fine-tuned from them`,
  );
};

/**
 * Reads diffusers' `config.json`. What this project does not build is refused by name.
 * @throws ControlNetError `config` or `unsupported`
 */
export function unetConfigFromDiffusers(json: unknown): UNetConfig {
  const parsed = diffusersSchema.safeParse(json);
  if (!parsed.success) throw unsupported(z.prettifyError(parsed.error).replaceAll("\n", " "));
  const given = parsed.data;
  for (const [key, built] of Object.entries(onlyValues)) {
    const value = (json as Record<string, unknown>)[key] ?? null;
    const all = Array.isArray(value) ? value : [value];
    if (value !== null && !all.every((one) => built.includes(one))) throw refused(key, value, built);
  }
  const { block_out_channels: channels, time_embedding_dim: timeFeatures } = given;
  if (timeFeatures && timeFeatures !== 4 * channels[0]!)
    throw refused("time_embedding_dim", timeFeatures, [4 * channels[0]!]);
  const middle = middleTypes.find(([type]) => type === given.mid_block_type);
  if (!middle)
    throw refused(
      "mid_block_type",
      given.mid_block_type,
      middleTypes.map(([type]) => type),
    );
  for (const [key, value] of Object.entries(given))
    if (levelKeys.includes(key) && Array.isArray(value) && value.length !== channels.length)
      throw new ControlNetError(
        "config",
        `unetConfigFromDiffusers: ${channels.length} block_out_channels need as many ${key}, got ${value.length}`,
      );
  const attention = attentionOf("down_block_types", given.down_block_types, "Down");
  const up = given.up_block_types && attentionOf("up_block_types", given.up_block_types, "Up").reverse();
  // diffusers keeps a misnomer: where num_attention_heads is absent, attention_head_dim holds the number of heads.
  const heads = given.num_attention_heads ?? given.attention_head_dim;
  const perLevelHeads = Array.isArray(heads) ? heads : attention.map(() => heads);
  const uneven = perLevelHeads.some((count, level) => channels[level]! % count !== 0);
  const depth = given.transformer_layers_per_block;
  const side = Array.isArray(given.sample_size) ? Math.max(...given.sample_size) : given.sample_size;
  return unetConfig({
    inChannels: given.in_channels,
    outChannels: given.out_channels,
    channels,
    blocksPerLevel: same("layers_per_block", given.layers_per_block),
    attention,
    ...(up && up.join() !== attention.join() && { decoderAttention: up }),
    middle: middle[1],
    heads: perLevelHeads,
    ...(uneven && { unevenHeads: true }),
    depth: Array.isArray(depth) && depth.every((one) => one === depth[0]) ? depth[0]! : depth,
    contextChannels: same("cross_attention_dim", given.cross_attention_dim),
    linearProjection: given.use_linear_projection,
    groups: given.norm_num_groups,
    normEpsilon: given.norm_eps,
    cosineFirst: given.flip_sin_to_cos,
    frequencyShift: given.freq_shift,
    sampleSize: side ?? 64,
  });
}

/** Which blocks have transformers, of diffusers' two kinds for an encoder or decoder. */
function attentionOf(key: string, types: readonly string[], way: "Down" | "Up"): boolean[] {
  const kinds = [`CrossAttn${way}Block2D`, `${way}Block2D`];
  return types.map((type) => {
    if (!kinds.includes(type)) throw refused(key, type, kinds);
    return type === kinds[0];
  });
}

/** The one value of a setting that may differ between levels in diffusers. */
function same(key: string, value: number | number[]): number {
  if (typeof value === "number") return value;
  const [first] = value;
  if (first === undefined || value.some((one) => one !== first))
    throw unsupported(
      `${key} ${JSON.stringify(value)}: levels that differ are not supported, only one number for all`,
    );
  return first;
}

/** The fields that diffusers' UNet2DConditionModel and ControlNetModel configs share. */
export function sharedDiffusersConfig(config: UNetConfig): Record<string, unknown> {
  return {
    _diffusers_version: "0.42.1",
    act_fn: "silu",
    attention_head_dim: oneOrList(config.heads),
    block_out_channels: config.channels,
    cross_attention_dim: config.contextChannels,
    down_block_types: config.attention.map((on) => (on ? "CrossAttnDownBlock2D" : "DownBlock2D")),
    downsample_padding: 1,
    flip_sin_to_cos: config.cosineFirst,
    freq_shift: config.frequencyShift,
    in_channels: config.inChannels,
    layers_per_block: config.blocksPerLevel,
    mid_block_scale_factor: 1,
    mid_block_type: middleTypes.find(([, middle]) => middle === config.middle)![0],
    norm_eps: config.normEpsilon,
    norm_num_groups: config.groups,
    transformer_layers_per_block: config.depth,
    use_linear_projection: config.linearProjection,
  };
}

const oneOrList = (values: readonly number[]): number | readonly number[] =>
  values.every((value) => value === values[0]) ? values[0]! : values;

/** diffusers' `config.json` for a U-Net of this shape. */
export function unetConfigToDiffusers(config: UNetConfig): Record<string, unknown> {
  const up = config.decoderAttention ?? config.attention;
  return {
    _class_name: "UNet2DConditionModel",
    ...sharedDiffusersConfig(config),
    center_input_sample: false,
    out_channels: config.outChannels,
    sample_size: config.sampleSize,
    up_block_types: up.map((on) => (on ? "CrossAttnUpBlock2D" : "UpBlock2D")).reverse(),
  };
}
