import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { oneOrList, type UNetConfig, unetConfig, unetLimits, upTo, upToEach } from "./config.js";

const positive = upTo(unetLimits.width);
const odd = upTo(unetLimits.kernel).refine((side) => side % 2 === 1, "expected an odd number");
const perLevel = upToEach(unetLimits.width);

const activation = z
  .string()
  .toLowerCase()
  .pipe(z.enum(["silu", "swish", "gelu", "mish", "relu"]))
  .transform((name) => (name === "swish" ? "silu" : name));

/** The parts of diffusers' `config.json` of a UNet2DConditionModel (or ControlNetModel) that decide what it computes. */
const diffusersSchema = z.object({
  in_channels: positive.default(4),
  out_channels: positive.default(4),
  block_out_channels: z.array(positive).min(1).max(unetLimits.levels).default([320, 640, 1280, 1280]),
  layers_per_block: upToEach(unetLimits.blocks).default(2),
  down_block_types: z
    .array(z.string())
    .default([...["", "", ""].map(() => "CrossAttnDownBlock2D"), "DownBlock2D"]),
  up_block_types: z.array(z.string()).optional(),
  mid_block_type: z.string().nullable().default("UNetMidBlock2DCrossAttn"),
  attention_head_dim: perLevel.default(8),
  num_attention_heads: perLevel.nullish(),
  transformer_layers_per_block: upToEach(unetLimits.depth).default(1),
  reverse_transformer_layers_per_block: z.array(upTo(unetLimits.depth)).nullish(),
  only_cross_attention: z.union([z.boolean(), z.array(z.boolean())]).default(false),
  cross_attention_dim: perLevel.default(1280),
  use_linear_projection: z.boolean().default(false),
  norm_num_groups: positive.default(32),
  norm_eps: z.number().positive().default(1e-5),
  flip_sin_to_cos: z.boolean().default(true),
  freq_shift: z.number().default(0),
  sample_size: perLevel.nullish(),
  time_embedding_dim: positive.nullish(),
  time_cond_proj_dim: positive.nullish(),
  act_fn: activation.default("silu"),
  timestep_post_act: activation.nullish(),
  time_embedding_act_fn: activation.nullish(),
  resnet_time_scale_shift: z.enum(["default", "scale_shift"]).default("default"),
  mid_block_scale_factor: z.number().positive().default(1),
  conv_in_kernel: odd.default(3),
  conv_out_kernel: odd.default(3),
  downsample_padding: z.union([z.literal(0), z.literal(1)]).default(1),
  center_input_sample: z.boolean().default(false),
});

/** What diffusers has and this project does not build: keys with the values that change nothing, the default first. */
const onlyValues: Readonly<Record<string, readonly unknown[]>> = {
  addition_embed_type: [null],
  attention_type: ["default"],
  class_embed_type: [null],
  class_embeddings_concat: [false],
  dual_cross_attention: [false],
  encoder_hid_dim: [null],
  encoder_hid_dim_type: [null],
  num_class_embeds: [null],
  time_embedding_type: ["positional"],
};

/** Lists with an entry for each level. */
const levelKeys: readonly string[] = [
  "down_block_types",
  "up_block_types",
  "attention_head_dim",
  "num_attention_heads",
  "transformer_layers_per_block",
  "reverse_transformer_layers_per_block",
  "layers_per_block",
  "only_cross_attention",
];

const middleTypes: readonly (readonly [string | null, UNetConfig["middle"]])[] = [
  ["UNetMidBlock2DCrossAttn", "attention"],
  ["UNetMidBlock2D", "residual"],
  [null, "none"],
];

const unsupported = (message: string): ControlNetError =>
  new ControlNetError("unsupported", `unetConfigFromDiffusers: ${message}`);

const wayOut = "use a model without it, such as Stable Diffusion 1 or 2 and what is fine-tuned from them";

/** A setting with another value than those that are built, and the way out. */
const refused = (key: string, value: unknown, built: readonly unknown[]): ControlNetError => {
  const known = built.map((one) => JSON.stringify(one));
  return unsupported(
    `${key} ${JSON.stringify(value)} is not supported, only ${known.join(" and ")}; ${wayOut}`,
  );
};

/**
 * Reads diffusers' `config.json`. What this project does not build is refused by name.
 * @throws ControlNetError `config` or `unsupported`
 */
export function unetConfigFromDiffusers(json: unknown): UNetConfig {
  const given = parse(json);
  const { block_out_channels: channels } = given;
  const middle = middleTypes.find(([type]) => type === given.mid_block_type);
  if (!middle)
    throw refused(
      "mid_block_type",
      given.mid_block_type,
      middleTypes.map(([type]) => type),
    );
  const attention = attentionOf("down_block_types", given.down_block_types, "Down");
  const up = given.up_block_types && attentionOf("up_block_types", given.up_block_types, "Up").reverse();
  // diffusers keeps a misnomer: where num_attention_heads is absent, attention_head_dim holds the number of heads.
  const heads = given.num_attention_heads ?? given.attention_head_dim;
  const perLevelHeads = Array.isArray(heads) ? heads : attention.map(() => heads);
  const uneven = perLevelHeads.some((count, level) => channels[level]! % count !== 0);
  const side = Array.isArray(given.sample_size) ? Math.max(...given.sample_size) : given.sample_size;
  return unetConfig({
    inChannels: given.in_channels,
    outChannels: given.out_channels,
    channels,
    blocksPerLevel: given.layers_per_block,
    attention,
    ...(up && up.join() !== attention.join() && { decoderAttention: up }),
    middle: middle[1],
    heads: perLevelHeads,
    ...(uneven && { unevenHeads: true }),
    depth: given.transformer_layers_per_block,
    contextChannels: same("cross_attention_dim", given.cross_attention_dim),
    linearProjection: given.use_linear_projection,
    groups: given.norm_num_groups,
    normEpsilon: given.norm_eps,
    cosineFirst: given.flip_sin_to_cos,
    frequencyShift: given.freq_shift,
    sampleSize: side ?? 64,
    ...unusualOf(given),
  });
}

/** What only some models have: a key for each setting that is not Stable Diffusion's. */
function unusualOf(given: DiffusersUNet): Partial<UNetConfig> {
  const { only_cross_attention: contextOnly, reverse_transformer_layers_per_block: decoderDepth } = given;
  const levels = given.block_out_channels;
  const { act_fn: activation, timestep_post_act: first, time_embedding_act_fn: second } = given;
  const timeActivations = [first, second].filter((name) => name !== undefined && name !== null);
  const timeFeatures = given.time_embedding_dim ?? 4 * levels[0]!;
  const only = Array.isArray(contextOnly) ? contextOnly : levels.map(() => contextOnly);
  return {
    ...(decoderDepth && { decoderDepth: decoderDepth.toReversed() }),
    ...(only.includes(true) && { contextOnly: only }),
    ...(activation !== "silu" && { activation }),
    ...(timeActivations.length > 0 && { timeActivations }),
    ...(given.resnet_time_scale_shift === "scale_shift" && { scaleShift: true }),
    ...(given.mid_block_scale_factor !== 1 && { middleScale: given.mid_block_scale_factor }),
    ...(given.conv_in_kernel !== 3 && { inputKernel: given.conv_in_kernel }),
    ...(given.conv_out_kernel !== 3 && { outputKernel: given.conv_out_kernel }),
    ...(given.downsample_padding === 0 && { downPadding: "down-right" as const }),
    ...(given.center_input_sample && { centerInput: true }),
    ...(timeFeatures !== 4 * levels[0]! && { timeFeatures }),
    ...(given.time_cond_proj_dim && { guidanceChannels: given.time_cond_proj_dim }),
  };
}

type DiffusersUNet = z.output<typeof diffusersSchema>;

function parse(json: unknown): DiffusersUNet {
  const fields = (json ?? {}) as Record<string, unknown>;
  const parsed = diffusersSchema.safeParse(json);
  if (!parsed.success) {
    const key = parsed.error.issues[0]?.path[0];
    const all = z.prettifyError(parsed.error).replaceAll("\n", " ");
    throw key === undefined ? unsupported(all) : unsupported(`${sayValue(key, fields)}: ${all}; ${wayOut}`);
  }
  for (const [key, built] of Object.entries(onlyValues)) {
    const value = fields[key] ?? null;
    const all = Array.isArray(value) ? value : [value];
    if (value !== null && !all.every((one) => built.includes(one))) throw refused(key, value, built);
  }
  const levels = parsed.data.block_out_channels.length;
  for (const [key, value] of Object.entries(parsed.data))
    if (levelKeys.includes(key) && Array.isArray(value) && value.length !== levels)
      throw new ControlNetError(
        "config",
        `unetConfigFromDiffusers: ${levels} block_out_channels need as many ${key}, got ${value.length}`,
      );
  return parsed.data;
}

const sayValue = (key: PropertyKey, fields: Record<string, unknown>): string =>
  `${String(key)} ${brief(fields[String(key)])} is not supported`;

/** A value of a file, cut where it is long. */
const brief = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 100)}...` : text;
};

/** Which blocks have transformers, of diffusers' two kinds for an encoder or decoder. */
function attentionOf(key: string, types: readonly string[], way: "Down" | "Up"): boolean[] {
  const kinds = [`CrossAttn${way}Block2D`, `${way}Block2D`];
  return types.map((given) => {
    const type = given.replace(/^UNetRes/, "");
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
  const { inputKernel, timeFeatures, contextOnly } = config;
  return {
    _diffusers_version: "0.42.1",
    act_fn: config.activation ?? "silu",
    attention_head_dim: oneOrList(config.heads),
    block_out_channels: config.channels,
    ...(inputKernel && { conv_in_kernel: inputKernel }),
    cross_attention_dim: config.contextChannels,
    down_block_types: config.attention.map((on) => (on ? "CrossAttnDownBlock2D" : "DownBlock2D")),
    downsample_padding: config.downPadding === "down-right" ? 0 : 1,
    flip_sin_to_cos: config.cosineFirst,
    freq_shift: config.frequencyShift,
    in_channels: config.inChannels,
    layers_per_block: config.blocksPerLevel,
    mid_block_scale_factor: config.middleScale ?? 1,
    mid_block_type: middleTypes.find(([, middle]) => middle === config.middle)![0],
    norm_eps: config.normEpsilon,
    norm_num_groups: config.groups,
    ...(contextOnly && { only_cross_attention: contextOnly }),
    resnet_time_scale_shift: config.scaleShift ? "scale_shift" : "default",
    ...(timeFeatures && { time_embedding_dim: timeFeatures }),
    transformer_layers_per_block: config.depth,
    use_linear_projection: config.linearProjection,
  };
}

/** diffusers' `config.json` for a U-Net of this shape. */
export function unetConfigToDiffusers(config: UNetConfig): Record<string, unknown> {
  const up = config.decoderAttention ?? config.attention;
  const { decoderDepth, depth, channels, outputKernel, guidanceChannels } = config;
  const [first, second] = config.timeActivations ?? [];
  // diffusers wants a list for the encoder where the decoder has its own.
  const both = decoderDepth && {
    reverse_transformer_layers_per_block: decoderDepth.toReversed(),
    transformer_layers_per_block: typeof depth === "number" ? channels.map(() => depth) : depth,
  };
  return {
    _class_name: "UNet2DConditionModel",
    ...sharedDiffusersConfig(config),
    center_input_sample: config.centerInput ?? false,
    ...(outputKernel && { conv_out_kernel: outputKernel }),
    out_channels: config.outChannels,
    ...both,
    sample_size: config.sampleSize,
    ...(guidanceChannels && { time_cond_proj_dim: guidanceChannels }),
    ...(second && { time_embedding_act_fn: second }),
    ...(first && { timestep_post_act: first }),
    up_block_types: up.map((on) => (on ? "CrossAttnUpBlock2D" : "UpBlock2D")).reverse(),
  };
}
