import { add, reshape, type Tensor, type Tensor3D, type Tensor4D } from "@tensorflow/tfjs-core";
import { type Initializer, join } from "../initializer.js";
import { geglu } from "../ops/activations.js";
import { type Attention, createAttention, multiHeadAttention } from "../ops/attention.js";
import { type Convolution, convolution, createConvolution } from "../ops/convolution.js";
import { createNorm, groupNorm, type Norm } from "../ops/group-norm.js";
import { layerNorm } from "../ops/layer-norm.js";
import { createLinear, type Linear, linear } from "../ops/linear.js";

/** Self-attention, cross-attention over the context, GEGLU feed-forward: each after a layer norm, each residual. */
export interface TransformerBlock<L = Tensor> {
  norm1: Norm<L>;
  selfAttention: Attention<L>;
  norm2: Norm<L>;
  crossAttention: Attention<L>;
  norm3: Norm<L>;
  feedForward: { expand: Linear<L>; contract: Linear<L> };
}

/** Transformer blocks over the pixels of a feature map (Rombach et al., 2022, appendix E.2.1). */
export interface SpatialTransformer<L = Tensor> {
  norm: Norm<L>;
  /** A 1x1 convolution in SD 1.5, a linear layer in SD 2: the same function with another kernel shape. */
  projectIn: Convolution<L> | Linear<L>;
  blocks: TransformerBlock<L>[];
  projectOut: Convolution<L> | Linear<L>;
}

/** The shape of a spatial transformer. */
export interface SpatialTransformerShape {
  /** Of the feature map. */
  channels: number;
  /** Of the context, such as the text encoder's features. */
  contextChannels: number;
  /** How many transformer blocks. */
  depth: number;
  /** Whether the projections are linear layers, as in SD 2, or 1x1 convolutions, as in SD 1.5. */
  linearProjection: boolean;
  /** Channels inside, where attention has others than the feature map. */
  innerChannels?: number;
  /** Whether what else is self-attention looks at the context, too. */
  contextOnly?: boolean;
}

/** New parameters of a spatial transformer. */
export function createSpatialTransformer<L>(
  init: Initializer<L>,
  path: string,
  shape: SpatialTransformerShape,
): SpatialTransformer<L> {
  const { channels, contextChannels, depth, linearProjection, innerChannels = channels } = shape;
  const { contextOnly = false } = shape;
  const projection = (key: string, from: number, to: number) =>
    linearProjection
      ? createLinear(init, join(path, key), from, to)
      : createConvolution(init, join(path, key), from, to, 1);
  return {
    norm: createNorm(init, join(path, "norm"), channels),
    projectIn: projection("projectIn", channels, innerChannels),
    blocks: Array.from({ length: depth }, (_, i) =>
      createTransformerBlock(init, join(path, `blocks.${i}`), innerChannels, contextChannels, contextOnly),
    ),
    projectOut: projection("projectOut", innerChannels, channels),
  };
}

function createTransformerBlock<L>(
  init: Initializer<L>,
  path: string,
  channels: number,
  contextChannels: number,
  contextOnly: boolean,
): TransformerBlock<L> {
  const at = (key: string) => join(path, key);
  const seen = contextOnly ? contextChannels : channels;
  return {
    norm1: createNorm(init, at("norm1"), channels),
    selfAttention: createAttention(init, at("selfAttention"), channels, seen),
    norm2: createNorm(init, at("norm2"), channels),
    crossAttention: createAttention(init, at("crossAttention"), channels, contextChannels),
    norm3: createNorm(init, at("norm3"), channels),
    feedForward: {
      expand: createLinear(init, at("feedForward.expand"), channels, 8 * channels),
      contract: createLinear(init, at("feedForward.contract"), 4 * channels, channels),
    },
  };
}

/**
 * `x` [batch, n, channels] with `context` [batch, tokens, contextChannels], to the shape of `x`.
 * @param contextOnly whether the first attention looks at the context instead of at `x` itself
 */
export function transformerBlock(
  x: Tensor3D,
  params: TransformerBlock,
  context: Tensor3D,
  heads: number,
  contextOnly = false,
): Tensor3D {
  const seen = contextOnly ? context : undefined;
  let h = add(
    x,
    multiHeadAttention(layerNorm(x, params.norm1), params.selfAttention, heads, seen),
  ) as Tensor3D;
  h = add(h, multiHeadAttention(layerNorm(h, params.norm2), params.crossAttention, heads, context));
  const { expand, contract } = params.feedForward;
  return add(h, linear(geglu(linear(layerNorm(h, params.norm3), expand)), contract));
}

/** `x` [batch, height, width, channels] with `context` [batch, tokens, contextChannels], to the shape of `x`. */
export function spatialTransformer(
  x: Tensor4D,
  params: SpatialTransformer,
  context: Tensor3D,
  { heads, groups, contextOnly }: { heads: number; groups: number; contextOnly?: boolean | undefined },
): Tensor4D {
  const [batch, height, width] = x.shape;
  const channels = params.projectIn.kernel.shape.at(-1)!;
  let h: Tensor3D = reshape(project(groupNorm(x, params.norm, groups, 1e-6), params.projectIn), [
    batch,
    height * width,
    channels,
  ]);
  for (const block of params.blocks) h = transformerBlock(h, block, context, heads, contextOnly);
  return add(x, project(reshape(h, [batch, height, width, channels]), params.projectOut));
}

const project = (x: Tensor4D, params: Convolution | Linear): Tensor4D =>
  params.kernel.rank === 4 ? convolution(x, params as Convolution) : linear(x, params as Linear);
