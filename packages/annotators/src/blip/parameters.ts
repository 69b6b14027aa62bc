import {
  type Attention,
  type Convolution,
  createAttention,
  createConvolution,
  createLinear,
  createNorm,
  type Initializer,
  join,
  type Linear,
  type Norm,
} from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { BlipConfig, BlipTextConfig, BlipVisionConfig, TransformerSizes } from "./config.js";

/** Two linear layers with an activation between them. */
export interface FeedForward<L = Tensor> {
  expand: Linear<L>;
  contract: Linear<L>;
}

/** One pre-norm layer of the network that sees. */
export interface VisionLayer<L = Tensor> {
  norm1: Norm<L>;
  attention: Attention<L>;
  norm2: Norm<L>;
  feedForward: FeedForward<L>;
}

/** The network that sees. */
export interface BlipVision<L = Tensor> {
  /** [1, 1, hiddenSize] */
  classEmbedding: L;
  /** [1, 1 + patches, hiddenSize] */
  positionEmbedding: L;
  patch: Convolution<L>;
  layers: VisionLayer<L>[];
  normOut: Norm<L>;
}

/** One post-norm layer of the network that speaks. */
export interface DecoderLayer<L = Tensor> {
  selfAttention: Attention<L>;
  selfNorm: Norm<L>;
  crossAttention: Attention<L>;
  crossNorm: Norm<L>;
  feedForward: FeedForward<L>;
  normOut: Norm<L>;
}

/** The network that speaks. */
export interface BlipDecoder<L = Tensor> {
  /** [vocabularySize, hiddenSize] */
  tokenEmbedding: L;
  /** [maxTokens, hiddenSize] */
  positionEmbedding: L;
  normIn: Norm<L>;
  layers: DecoderLayer<L>[];
  head: {
    transform: Linear<L>;
    norm: Norm<L>;
    /** [vocabularySize, hiddenSize], where it is not the token embedding. */
    embedding?: L;
    /** [vocabularySize] */
    bias: L;
  };
}

/** All parameters of a BLIP that captions (Li et al., 2022). */
export interface Blip<L = Tensor> {
  vision: BlipVision<L>;
  decoder: BlipDecoder<L>;
}

const normal = { kind: "normal", deviation: 0.02 } as const;

/**
 * New parameters, or their shapes. The caller disposes them.
 * @param tied whether the token embedding also scores the tokens
 */
export const createBlip = <L>(config: BlipConfig, init: Initializer<L>, tied = true): Blip<L> => ({
  vision: createVision(config.vision, init, "vision"),
  decoder: createDecoder(config.text, config.vision.hiddenSize, init, "decoder", tied),
});

function createVision<L>(config: BlipVisionConfig, init: Initializer<L>, path: string): BlipVision<L> {
  const { hiddenSize, imageSize, patchSize } = config;
  const at = (key: string) => join(path, key);
  const patches = Math.floor(imageSize / patchSize) ** 2;
  return {
    classEmbedding: init(at("classEmbedding"), [1, 1, hiddenSize], normal),
    positionEmbedding: init(at("positionEmbedding"), [1, 1 + patches, hiddenSize], normal),
    patch: createConvolution(init, at("patch"), 3, hiddenSize, patchSize),
    layers: Array.from({ length: config.layers }, (_, i) => {
      const inLayer = (key: string) => at(`layers.${i}.${key}`);
      return {
        norm1: createNorm(init, inLayer("norm1"), hiddenSize),
        attention: createAttention(init, inLayer("attention"), hiddenSize, hiddenSize, { bias: true }),
        norm2: createNorm(init, inLayer("norm2"), hiddenSize),
        feedForward: createFeedForward(config, init, inLayer("feedForward")),
      };
    }),
    normOut: createNorm(init, at("normOut"), hiddenSize),
  };
}

function createDecoder<L>(
  config: BlipTextConfig,
  seenSize: number,
  init: Initializer<L>,
  path: string,
  tied: boolean,
): BlipDecoder<L> {
  const { hiddenSize, vocabularySize } = config;
  const at = (key: string) => join(path, key);
  return {
    tokenEmbedding: init(at("tokenEmbedding"), [vocabularySize, hiddenSize], normal),
    positionEmbedding: init(at("positionEmbedding"), [config.maxTokens, hiddenSize], normal),
    normIn: createNorm(init, at("normIn"), hiddenSize),
    layers: Array.from({ length: config.layers }, (_, i) => {
      const inLayer = (key: string) => at(`layers.${i}.${key}`);
      return {
        selfAttention: createAttention(init, inLayer("selfAttention"), hiddenSize, hiddenSize, {
          bias: true,
        }),
        selfNorm: createNorm(init, inLayer("selfNorm"), hiddenSize),
        crossAttention: createAttention(init, inLayer("crossAttention"), hiddenSize, seenSize, {
          bias: true,
        }),
        crossNorm: createNorm(init, inLayer("crossNorm"), hiddenSize),
        feedForward: createFeedForward(config, init, inLayer("feedForward")),
        normOut: createNorm(init, inLayer("normOut"), hiddenSize),
      };
    }),
    head: {
      transform: createLinear(init, at("head.transform"), hiddenSize, hiddenSize),
      norm: createNorm(init, at("head.norm"), hiddenSize),
      ...(!tied && { embedding: init(at("head.embedding"), [vocabularySize, hiddenSize], normal) }),
      bias: init(at("head.bias"), [vocabularySize], { kind: "constant", value: 0 }),
    },
  };
}

const createFeedForward = <L>(
  { hiddenSize, feedForwardSize }: TransformerSizes,
  init: Initializer<L>,
  path: string,
): FeedForward<L> => ({
  expand: createLinear(init, join(path, "expand"), hiddenSize, feedForwardSize),
  contract: createLinear(init, join(path, "contract"), feedForwardSize, hiddenSize),
});
