import { type KeyRow, keyRows, renameBy, type TensorSource } from "@controlnet-js/checkpoints";
import { ControlNetError, type LeafShape, shapeInitializer } from "@controlnet-js/core";
import { type TextEncoderConfig, textEncoderConfig } from "./config.js";
import { createTextEncoder } from "./parameters.js";

/**
 * The published forms of a text encoder's keys: `transformers`, `transformers-5`, which lacks `text_model.`, and
 * `openclip`, which fuses query, key and value.
 */
export type TextEncoderKeys = "transformers" | "transformers-5" | "openclip";

/** Buffers that some files hold and that are computed here. */
export const textEncoderIgnoredKeys: readonly RegExp[] = [/(^|\.)position_ids$/, /^attn_mask$/];

const transformersName = renameBy([
  [/^normOut$/, "final_layer_norm"],
  [/^layers\./, "encoder.layers."],
  [/\.norm(\d)$/, ".layer_norm$1"],
  [/\.attention\.query$/, ".self_attn.q_proj"],
  [/\.attention\.key$/, ".self_attn.k_proj"],
  [/\.attention\.value$/, ".self_attn.v_proj"],
  [/\.attention\.output$/, ".self_attn.out_proj"],
  [/\.feedForward\.expand$/, ".mlp.fc1"],
  [/\.feedForward\.contract$/, ".mlp.fc2"],
]);

const openClipName = renameBy([
  [/^normOut$/, "ln_final"],
  [/^layers\./, "transformer.resblocks."],
  [/\.norm(\d)$/, ".ln_$1"],
  [/\.attention\.output$/, ".attn.out_proj"],
  [/\.feedForward\.expand$/, ".mlp.c_fc"],
  [/\.feedForward\.contract$/, ".mlp.c_proj"],
]);

/**
 * The reversible key table of a text encoder, without prefix (in a full LDM file, `cond_stage_model.transformer.`
 * before transformers' names and `cond_stage_model.model.` before OpenCLIP's).
 */
export function textEncoderKeyRows(config: TextEncoderConfig, keys: TextEncoderKeys): KeyRow[] {
  const { layers, normOut, ...single } = createTextEncoder<LeafShape>(config, shapeInitializer).params;
  const openClip = keys === "openclip";
  const model = keys === "transformers" ? "text_model." : "";
  const row = (path: keyof typeof single, key: string, layout: KeyRow["layout"] = "plain"): KeyRow[] =>
    single[path] ? [{ path, key, layout, shape: single[path].shape }] : [];
  return [
    ...row(
      "tokenEmbedding",
      openClip ? "token_embedding.weight" : `${model}embeddings.token_embedding.weight`,
    ),
    ...row(
      "positionEmbedding",
      openClip ? "positional_embedding" : `${model}embeddings.position_embedding.weight`,
    ),
    ...keyRows({ layers, normOut }, openClip ? openClipName : (path) => model + transformersName(path)).map(
      (row) => (openClip ? fused(row) : row),
    ),
    ...(openClip
      ? row("projection", "text_projection")
      : row("projection", "text_projection.weight", "linear")),
    ...row("logitScale", "logit_scale"),
  ];
}

/** OpenCLIP stacks query, key and value into one tensor. */
function fused(row: KeyRow): KeyRow {
  const match = /^layers\.(\d+)\.attention\.(query|key|value)\.(kernel|bias)$/.exec(row.path);
  if (!match) return row;
  const [, layer, part, leaf] = match as unknown as [string, string, string, string];
  const key = `transformer.resblocks.${layer}.attn.in_proj_${leaf === "kernel" ? "weight" : "bias"}`;
  return { ...row, key, part: { index: ["query", "key", "value"].indexOf(part), of: 3 } };
}

/** A text encoder found among the names of a file. */
export interface TextEncoderFile {
  keys: TextEncoderKeys;
  /** What stands before the key table's names. */
  prefix: string;
  /** How many layers the file holds. */
  layers: number;
  projection: boolean;
  logitScale: boolean;
}

const signatures: readonly (readonly [TextEncoderKeys, string, RegExp])[] = [
  ["transformers", "text_model.embeddings.token_embedding.weight", /^text_model\.encoder\.layers\.(\d+)\./],
  ["transformers-5", "embeddings.token_embedding.weight", /^encoder\.layers\.(\d+)\./],
  ["openclip", "token_embedding.weight", /^transformer\.resblocks\.(\d+)\./],
];

/**
 * Finds a text encoder in a file of any kind by its names.
 * @returns undefined where there is none
 */
export function findTextEncoder(names: readonly string[]): TextEncoderFile | undefined {
  for (const [keys, embedding, layer] of signatures) {
    const found = names.find((name) => name === embedding || name.endsWith(`.${embedding}`));
    if (found === undefined) continue;
    const prefix = found.slice(0, -embedding.length);
    const own = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    const layers = Math.max(0, ...own.map((name) => Number(layer.exec(name)?.[1] ?? -1) + 1));
    const projection = own.includes(keys === "openclip" ? "text_projection" : "text_projection.weight");
    return { keys, prefix, layers, projection, logitScale: own.includes("logit_scale") };
  }
  return undefined;
}

/**
 * The config of a text encoder that lies in a single file without one, from its shapes. As CLIP has it: 64 features
 * a head, quick GELU under transformers' names; OpenCLIP's has GELU, and Stable Diffusion leaves out its last layer.
 * @param known what the shapes don't tell and the caller knows better
 * @throws ControlNetError `missing` where the file lacks a tensor that tells a size
 */
export function textEncoderConfigFromShapes(
  source: TensorSource,
  file: TextEncoderFile,
  known: Partial<TextEncoderConfig> = {},
): TextEncoderConfig {
  const openClip = file.keys === "openclip";
  const model = file.keys === "transformers" ? "text_model." : "";
  const side = (key: string, which: number): number => {
    const { shape } = source.get(file.prefix + key);
    const length = shape[which];
    if (length === undefined)
      throw new ControlNetError(
        "format",
        `textEncoderConfigFromShapes: "${key}" has shape [${shape.join(", ")}]`,
      );
    return length;
  };
  const embedding = openClip ? "token_embedding.weight" : `${model}embeddings.token_embedding.weight`;
  const positions = openClip ? "positional_embedding" : `${model}embeddings.position_embedding.weight`;
  const expand = openClip
    ? "transformer.resblocks.0.mlp.c_fc.weight"
    : `${model}encoder.layers.0.mlp.fc1.weight`;
  const hiddenSize = side(embedding, 1);
  return textEncoderConfig({
    vocabularySize: side(embedding, 0),
    maxTokens: side(positions, 0),
    hiddenSize,
    feedForwardSize: side(expand, 0),
    heads: Math.max(1, Math.floor(hiddenSize / 64)),
    layers: file.layers,
    skippedLayers: openClip && file.layers > 1 ? 1 : 0,
    activation: openClip ? "gelu" : "quick-gelu",
    projectionSize: !file.projection
      ? 0
      : openClip
        ? side("text_projection", 1)
        : side("text_projection.weight", 0),
    logitScale: file.logitScale,
    ...known,
  });
}
