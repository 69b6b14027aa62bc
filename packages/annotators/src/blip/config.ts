import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { type Json, parseJson } from "../hugging-face/parse-json.js";

/** Far above what is published: a config's number must not decide how long reading takes. */
const size = z
  .int()
  .positive()
  .max(2 ** 20);
const layers = size.max(256);
const token = z
  .int()
  .nonnegative()
  .max(2 ** 20);
const activation = z.enum(["gelu", "quick_gelu", "relu"]).default("gelu");

/** The parts of a BlipVisionConfig that decide what it computes, with transformers' defaults. */
const visionSchema = z.object({
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_hidden_layers: layers.default(12),
  num_attention_heads: size.default(12),
  image_size: size.max(8192).default(384),
  patch_size: size.default(16),
  hidden_act: activation,
  layer_norm_eps: z.number().positive().default(1e-5),
});

/** The same of a BlipTextConfig. */
const textSchema = z.object({
  vocab_size: size.default(30524),
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_hidden_layers: layers.default(12),
  num_attention_heads: size.default(8),
  max_position_embeddings: size.max(2 ** 16).default(512),
  hidden_act: activation,
  layer_norm_eps: z.number().positive().default(1e-12),
  bos_token_id: token.default(30522),
  sep_token_id: token.default(102),
});

/** What a BlipTextConfig of version 4 says of the search, where it says it. */
const searchSchema = z
  .object({
    max_length: size.max(100_000),
    min_length: z.int().nonnegative().max(100_000),
    num_beams: size.max(64),
    length_penalty: z.number(),
    repetition_penalty: z.number().positive(),
    early_stopping: z.union([z.boolean(), z.literal("never")]),
  })
  .partial();

const blipSchema = z.object({
  model_type: z.literal("blip", 'expected "blip"'),
  architectures: z
    .array(z.literal("BlipForConditionalGeneration", "expected BlipForConditionalGeneration, which captions"))
    .optional(),
  vision_config: visionSchema.prefault({}),
  text_config: textSchema.and(searchSchema).prefault({}),
});

/** The function inside the feed-forward layers. */
export type Activation = z.output<typeof activation>;

/** The sizes of a transformer. */
export interface TransformerSizes {
  hiddenSize: number;
  feedForwardSize: number;
  layers: number;
  heads: number;
  activation: Activation;
  /** Of the layer norms. */
  epsilon: number;
}

/** The network that sees: a vision transformer (Dosovitskiy et al., 2021) on a square picture. */
export interface BlipVisionConfig extends TransformerSizes {
  /** Sides of the picture and of a patch of it, in pixels. */
  imageSize: number;
  patchSize: number;
}

/** The network that speaks: BERT with a causal mask and attention to what was seen. */
export interface BlipTextConfig extends TransformerSizes {
  vocabularySize: number;
  maxTokens: number;
  /** What a caption begins with, and what ends it. */
  startToken: number;
  endToken: number;
}

/** How a caption is searched for; all that is left out is as in transformers. */
export interface CaptionSearch {
  /** Captions followed at once; 1 takes the likeliest token each time. Default 1. */
  beams?: number;
  /** Tokens of a caption at most, its start, prefix and end included. Default: 20 after the prefix. */
  maxLength?: number;
  /** Tokens before which it does not end, start and prefix included. Default 0. */
  minLength?: number;
  /** Beams only: scores are divided by the number of new tokens to this power; more prefers longer ones. Default 1. */
  lengthPenalty?: number;
  /** Above 1, tokens that were said become less likely. Default 1. */
  repetitionPenalty?: number;
  /** Beams only: ends with as many captions as beams (`true`), or when none can get better (`"never"`). Default false. */
  earlyStopping?: boolean | "never";
}

/** What a folder's `config.json` says. */
export interface BlipConfig {
  vision: BlipVisionConfig;
  text: BlipTextConfig;
  /** The defaults that the model came with. */
  search: CaptionSearch;
}

/**
 * Reads transformers' `config.json` of a BlipForConditionalGeneration. Settings of the search in `text_config` count, as in
 * version 4; `max_length: 20` is what every config of that version says and means 20 tokens after the prefix.
 * @throws ControlNetError `unsupported` naming each value that is not built here
 */
export function blipConfigFromTransformers(json: Json, where = "blipConfigFromTransformers"): BlipConfig {
  const { vision_config: vision, text_config: text } = parseJson(where, blipSchema, json);
  const sizes = (of: typeof vision | typeof text): TransformerSizes => ({
    hiddenSize: of.hidden_size,
    feedForwardSize: of.intermediate_size,
    layers: of.num_hidden_layers,
    heads: of.num_attention_heads,
    activation: of.hidden_act,
    epsilon: of.layer_norm_eps,
  });
  for (const { hiddenSize, heads } of [sizes(vision), sizes(text)])
    if (hiddenSize % heads !== 0)
      throw new ControlNetError(
        "config",
        `${where}: hidden_size ${hiddenSize} doesn't divide into ${heads} heads`,
      );
  return {
    vision: { ...sizes(vision), imageSize: vision.image_size, patchSize: vision.patch_size },
    text: {
      ...sizes(text),
      vocabularySize: text.vocab_size,
      maxTokens: text.max_position_embeddings,
      startToken: text.bos_token_id,
      endToken: text.sep_token_id,
    },
    search: searchOf(text),
  };
}

const searchOf = (text: z.output<typeof searchSchema>): CaptionSearch => ({
  ...(text.num_beams !== undefined && { beams: text.num_beams }),
  ...(text.max_length !== undefined && text.max_length !== 20 && { maxLength: text.max_length }),
  ...(text.min_length !== undefined && { minLength: text.min_length }),
  ...(text.length_penalty !== undefined && { lengthPenalty: text.length_penalty }),
  ...(text.repetition_penalty !== undefined && { repetitionPenalty: text.repetition_penalty }),
  ...(text.early_stopping !== undefined && { earlyStopping: text.early_stopping }),
});
