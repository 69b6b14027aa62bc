import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { type TextEncoderConfig, textEncoderConfig } from "./config.js";
import type { TextEncoderFile } from "./keys.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

const size = z
  .int()
  .positive()
  .max(2 ** 20);

/** The parts of transformers' `config.json` of a CLIPTextModel that decide what it computes. */
const transformersSchema = z.object({
  model_type: z.literal("clip_text_model").default("clip_text_model"),
  vocab_size: size.default(49408),
  hidden_size: size.default(512),
  intermediate_size: size.default(2048),
  num_hidden_layers: size.max(256).default(12),
  num_attention_heads: size.default(8),
  max_position_embeddings: size.max(4096).default(77),
  hidden_act: z.enum(["quick_gelu", "gelu", "relu", "silu", "swish", "mish"]).default("quick_gelu"),
  layer_norm_eps: z.number().positive().default(1e-5),
  projection_dim: size.default(512),
});

const activationOf = {
  quick_gelu: "quick-gelu",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  mish: "mish",
} as const;

/**
 * Reads transformers' `config.json` of a CLIPTextModel.
 * @param file what the tensors beside it hold; layers beyond those of the config are kept, but not run
 * @throws ControlNetError `unsupported` naming each value that this project does not build
 */
export function textEncoderConfigFromTransformers(
  json: unknown,
  file?: Pick<TextEncoderFile, "layers" | "projection" | "logitScale">,
): TextEncoderConfig {
  const where = "textEncoderConfigFromTransformers";
  const parsed = transformersSchema.safeParse(json);
  if (!parsed.success) {
    const fields = (json ?? {}) as Record<string, unknown>;
    const refused = parsed.error.issues.map(({ path: [key], message }) =>
      key === undefined
        ? message
        : `${String(key)} ${(JSON.stringify(fields[String(key)]) ?? "").slice(0, 100)} is not supported (${message})`,
    );
    throw new ControlNetError(
      "unsupported",
      `${where}: ${refused.join(", ")}; use CLIP's text encoder, as Stable Diffusion 1 and 2 do`,
    );
  }
  const given = parsed.data;
  const layers = Math.max(given.num_hidden_layers, file?.layers ?? 0);
  return textEncoderConfig({
    vocabularySize: given.vocab_size,
    maxTokens: given.max_position_embeddings,
    hiddenSize: given.hidden_size,
    feedForwardSize: given.intermediate_size,
    heads: given.num_attention_heads,
    layers,
    skippedLayers: layers - given.num_hidden_layers,
    activation: activationOf[given.hidden_act],
    epsilon: given.layer_norm_eps,
    projectionSize: file?.projection ? given.projection_dim : 0,
    logitScale: file?.logitScale ?? false,
  });
}

/** transformers' `config.json` for a text encoder of this shape and its tokenizer. Layers that don't run don't count. */
export const textEncoderConfigToTransformers = (
  config: TextEncoderConfig,
  { startToken, endToken, padToken }: Pick<Tokenizer, "startToken" | "endToken" | "padToken">,
): Record<string, unknown> => ({
  architectures: [config.projectionSize > 0 ? "CLIPTextModelWithProjection" : "CLIPTextModel"],
  attention_dropout: 0,
  bos_token_id: startToken,
  dropout: 0,
  eos_token_id: endToken,
  hidden_act: config.activation.replace("-", "_"),
  hidden_size: config.hiddenSize,
  initializer_factor: 1,
  initializer_range: 0.02,
  intermediate_size: config.feedForwardSize,
  layer_norm_eps: config.epsilon,
  max_position_embeddings: config.maxTokens,
  model_type: "clip_text_model",
  num_attention_heads: config.heads,
  num_hidden_layers: config.layers - config.skippedLayers,
  pad_token_id: padToken,
  projection_dim: config.projectionSize > 0 ? config.projectionSize : config.hiddenSize,
  torch_dtype: "float32",
  vocab_size: config.vocabularySize,
});
