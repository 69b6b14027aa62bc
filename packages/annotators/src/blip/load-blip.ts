import {
  identify,
  type KeyRow,
  keyRows,
  loadTree,
  renameBy,
  type TensorSource,
} from "@controlnet-js/checkpoints";
import { ControlNetError, type LeafShape, shapeInitializer } from "@controlnet-js/core";
import type { BlipConfig } from "./config.js";
import { type Blip, createBlip } from "./parameters.js";

const visionName = renameBy([
  [/^patch$/, "embeddings.patch_embedding"],
  [/^normOut$/, "post_layernorm"],
  [/^layers\./, "encoder.layers."],
  [/\.norm(\d)$/, ".layer_norm$1"],
  [/\.attention\.(query|key|value)$/, ".self_attn.qkv"],
  [/\.attention\.output$/, ".self_attn.projection"],
  [/\.feedForward\.expand$/, ".mlp.fc1"],
  [/\.feedForward\.contract$/, ".mlp.fc2"],
]);

const decoderName = renameBy([
  [/^normIn$/, "bert.embeddings.LayerNorm"],
  [/^layers\./, "bert.encoder.layer."],
  [/\.selfAttention\.(query|key|value)$/, ".attention.self.$1"],
  [/\.selfAttention\.output$/, ".attention.output.dense"],
  [/\.selfNorm$/, ".attention.output.LayerNorm"],
  [/\.crossAttention\.(query|key|value)$/, ".crossattention.self.$1"],
  [/\.crossAttention\.output$/, ".crossattention.output.dense"],
  [/\.crossNorm$/, ".crossattention.output.LayerNorm"],
  [/\.feedForward\.expand$/, ".intermediate.dense"],
  [/\.feedForward\.contract$/, ".output.dense"],
  [/\.normOut$/, ".output.LayerNorm"],
  [/^head\.transform$/, "cls.predictions.transform.dense"],
  [/^head\.norm$/, "cls.predictions.transform.LayerNorm"],
]);

const embeddings = "text_decoder.bert.embeddings.word_embeddings.weight";
const head = "text_decoder.cls.predictions";

/** Tied tensors, which files hold once or twice, and a buffer that is computed here. */
const ignored = [
  /^text_decoder\.bert\.embeddings\.(word_embeddings\.weight|position_ids)$/,
  /^text_decoder\.cls\.predictions\.(decoder\.weight|(decoder\.)?bias)$/,
];

/**
 * Loads a BLIP that captions, of transformers' names: the head's weights under their own name, or where they are those of
 * the embedding. The caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export function loadBlip(source: TensorSource, config: BlipConfig, where = "loadBlip"): Blip {
  const names = new Set(source.names());
  if (!names.has("vision_model.embeddings.class_embedding") || isOtherBlip(names))
    throw new ControlNetError(
      "unsupported",
      `${where}: expected the weights of BlipForConditionalGeneration, found ${isOtherBlip(names) ? "a BLIP that answers or compares" : identify(source).summary}`,
    );
  return loadTree<Blip>(source, blipKeyRows(source, config, names), { where, ignore: ignored });
}

/** Those for questions and for retrieval read texts, which one that captions does not. */
const isOtherBlip = (names: ReadonlySet<string>): boolean =>
  [...names].some((name) => /^text_(encoder|model|proj)/.test(name));

function blipKeyRows(source: TensorSource, config: BlipConfig, names: ReadonlySet<string>): KeyRow[] {
  const scores = `${head}.decoder.weight`;
  const tied = !names.has(scores) || !names.has(embeddings) || isSame(source, scores, embeddings);
  const { vision, decoder } = createBlip<LeafShape>(config, shapeInitializer, tied);
  const { classEmbedding, positionEmbedding: positions, ...visionModules } = vision;
  const { tokenEmbedding, positionEmbedding, head: shapes, ...decoderModules } = decoder;
  const { embedding, bias, ...headModules } = shapes;
  const plain = (path: string, key: string, { shape }: LeafShape): KeyRow => ({
    path,
    key,
    layout: "plain",
    shape,
  });
  return [
    plain("vision.classEmbedding", "vision_model.embeddings.class_embedding", classEmbedding),
    plain("vision.positionEmbedding", "vision_model.embeddings.position_embedding", positions),
    ...keyRows(visionModules, (path) => `vision_model.${visionName(path)}`).map((row) =>
      fused({ ...row, path: `vision.${row.path}` }),
    ),
    plain("decoder.tokenEmbedding", names.has(embeddings) ? embeddings : scores, tokenEmbedding),
    plain(
      "decoder.positionEmbedding",
      "text_decoder.bert.embeddings.position_embeddings.weight",
      positionEmbedding,
    ),
    ...keyRows({ ...decoderModules, head: headModules }, (path) => `text_decoder.${decoderName(path)}`).map(
      (row) => ({ ...row, path: `decoder.${row.path}` }),
    ),
    ...(embedding ? [plain("decoder.head.embedding", scores, embedding)] : []),
    plain(
      "decoder.head.bias",
      names.has(`${head}.decoder.bias`) ? `${head}.decoder.bias` : `${head}.bias`,
      bias,
    ),
  ];
}

/** Query, key and value are stacked into one tensor. */
function fused(row: KeyRow): KeyRow {
  const part = /\.attention\.(query|key|value)\./.exec(row.path)?.[1];
  return part === undefined
    ? row
    : { ...row, part: { index: ["query", "key", "value"].indexOf(part), of: 3 } };
}

/** Whether two tensors of a file hold the same bytes. */
function isSame(source: TensorSource, a: string, b: string): boolean {
  const [x, y] = [source.get(a), source.get(b)];
  if (x.dtype !== y.dtype || x.shape.join() !== y.shape.join()) return false;
  const [left, right] = [x.bytes(), y.bytes()];
  let i = 0;
  while (i < left.length && left[i] === right[i]) i++;
  return i === left.length;
}
