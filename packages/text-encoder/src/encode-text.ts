import {
  type Attention,
  activations,
  ControlNetError,
  layerNorm,
  linear,
  mergeHeads,
  quickGelu,
  splitHeads,
} from "@controlnet-js/core";
import {
  add,
  matMul,
  mul,
  slice,
  softmax,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  tensor2d,
  tidy,
} from "@tensorflow/tfjs-core";
import type { TextEncoderConfig } from "./config.js";
import { embedTokens } from "./embedding.js";
import type { TextEncoder, TextLayer } from "./parameters.js";

/** How to encode. */
export interface EncodeTextOptions {
  /** "Clip skip": skip this many more of the last layers; the final norm still applies. Default 0. */
  skip?: number;
  /** Whether the final layer norm is applied. Default true, as in Stable Diffusion. */
  finalNorm?: boolean;
}

/**
 * The features of each token, the context of a diffusion model's cross-attention.
 * @param tokens int32 [batch, n], n at most `config.maxTokens`
 * @returns [batch, n, hiddenSize]; the caller disposes it
 * @throws ControlNetError `shape` for more tokens, `range` where `skip` leaves no layer
 */
export function encodeText(
  { params, config }: TextEncoder,
  tokens: Tensor2D,
  { skip = 0, finalNorm = true }: EncodeTextOptions = {},
): Tensor3D {
  const count = tokens.shape[1];
  if (tokens.rank !== 2 || count > config.maxTokens)
    throw new ControlNetError(
      "shape",
      `encodeText: expected tokens [batch, at most ${config.maxTokens}], got [${tokens.shape}]`,
    );
  const run = config.layers - config.skippedLayers - skip;
  if (!Number.isInteger(skip) || skip < 0 || run < 0)
    throw new ControlNetError(
      "range",
      `encodeText: skip must be 0 to ${config.layers - config.skippedLayers}, got ${skip}`,
    );
  return tidy(() => {
    const positions = slice(params.positionEmbedding, [0, 0], [count, config.hiddenSize]);
    let h: Tensor3D = add(embedTokens(params.tokenEmbedding, tokens), positions);
    const mask = causalMask(count);
    for (const layer of params.layers.slice(0, run)) h = textLayer(h, layer, config, mask);
    return finalNorm ? layerNorm(h, params.normOut, config.epsilon) : h;
  });
}

function textLayer(x: Tensor3D, params: TextLayer, config: TextEncoderConfig, mask: Tensor): Tensor3D {
  const { heads, epsilon } = config;
  const activate = config.activation === "quick-gelu" ? quickGelu : activations[config.activation];
  const { expand, contract } = params.feedForward;
  const h: Tensor3D = add(
    x,
    maskedAttention(layerNorm(x, params.norm1, epsilon), params.attention, heads, mask),
  );
  return add(h, linear(activate(linear(layerNorm(h, params.norm2, epsilon), expand)), contract));
}

/** Multi-head self-attention with `mask` [n, n] added to the scores. Texts are short, so the scores exist whole. */
function maskedAttention(x: Tensor3D, params: Attention, heads: number, mask: Tensor): Tensor3D {
  const query = splitHeads(linear(x, params.query), heads);
  const key = splitHeads(linear(x, params.key), heads);
  const value = splitHeads(linear(x, params.value), heads);
  const scores = matMul(mul(query, query.shape[2] ** -0.5), key, false, true);
  const mixed = matMul(softmax(add(scores, mask)), value) as Tensor3D;
  return linear(mergeHeads(mixed, heads), params.output);
}

/** [n, n]: 0 where a token may look, at itself and before, and a large negative number elsewhere. */
function causalMask(count: number): Tensor2D {
  const values = new Float32Array(count * count);
  for (let row = 0; row < count; row++) values.fill(-1e9, row * count + row + 1, (row + 1) * count);
  return tensor2d(values, [count, count]);
}
