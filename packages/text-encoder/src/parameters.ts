import {
  type Attention,
  createAttention,
  createLinear,
  createNorm,
  type Initializer,
  join,
  type Linear,
  type Model,
  type Norm,
} from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { TextEncoderConfig } from "./config.js";

/** One pre-norm transformer layer: causal self-attention, then the feed-forward layer, each residual. */
export interface TextLayer<L = Tensor> {
  norm1: Norm<L>;
  attention: Attention<L>;
  norm2: Norm<L>;
  feedForward: { expand: Linear<L>; contract: Linear<L> };
}

/** All parameters of the text encoder. */
export interface TextEncoderParams<L = Tensor> {
  /** [vocabularySize, hiddenSize] */
  tokenEmbedding: L;
  /** [maxTokens, hiddenSize] */
  positionEmbedding: L;
  layers: TextLayer<L>[];
  normOut: Norm<L>;
  /** [hiddenSize, projectionSize]; held for other users of the file, not used here. */
  projection?: L;
  /** []; held for other users of the file, not used here. */
  logitScale?: L;
}

/** CLIP's text encoder: with leaves of tensors, or of shapes alone. */
export type TextEncoder<L = Tensor> = Model<TextEncoderParams<L>, TextEncoderConfig>;

/** A new text encoder (CLIP's deviations for the embeddings), or its shapes. The caller disposes it. */
export function createTextEncoder<L>(
  config: TextEncoderConfig,
  init: Initializer<L>,
  path = "",
): TextEncoder<L> {
  const { hiddenSize, feedForwardSize, projectionSize } = config;
  const at = (key: string) => join(path, key);
  const normal = (deviation: number) => ({ kind: "normal", deviation }) as const;
  const params: TextEncoderParams<L> = {
    tokenEmbedding: init(at("tokenEmbedding"), [config.vocabularySize, hiddenSize], normal(0.02)),
    positionEmbedding: init(at("positionEmbedding"), [config.maxTokens, hiddenSize], normal(0.01)),
    layers: Array.from({ length: config.layers }, (_, i) => {
      const inLayer = (key: string) => at(`layers.${i}.${key}`);
      return {
        norm1: createNorm(init, inLayer("norm1"), hiddenSize),
        attention: createAttention(init, inLayer("attention"), hiddenSize, hiddenSize, { bias: true }),
        norm2: createNorm(init, inLayer("norm2"), hiddenSize),
        feedForward: {
          expand: createLinear(init, inLayer("feedForward.expand"), hiddenSize, feedForwardSize),
          contract: createLinear(init, inLayer("feedForward.contract"), feedForwardSize, hiddenSize),
        },
      };
    }),
    normOut: createNorm(init, at("normOut"), hiddenSize),
    ...(projectionSize > 0 && {
      projection: init(at("projection"), [hiddenSize, projectionSize], normal(hiddenSize ** -0.5)),
    }),
    ...(config.logitScale && {
      logitScale: init(at("logitScale"), [], { kind: "constant", value: Math.log(1 / 0.07) }),
    }),
  };
  return { params, config };
}
