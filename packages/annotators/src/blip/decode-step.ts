import { attention, layerNorm, linear, mergeHeads, splitHeads } from "@controlnet-js/core";
import {
  add,
  cast,
  equal,
  gather,
  greater,
  matMul,
  mul,
  range,
  reshape,
  softmax,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tidy,
  zeros,
} from "@tensorflow/tfjs-core";
import type { BlipTextConfig } from "./config.js";
import { activate, feedForward } from "./feed-forward.js";
import type { BlipDecoder, DecoderLayer } from "./parameters.js";

/** Keys and values of an attention. */
export type KeysAndValues = { key: Tensor; value: Tensor };

/** A token for each beam, all at the same place. */
export interface StepInputs {
  /** int32 [beams] */
  tokens: Tensor1D;
  /** int32 [beams]: which beam of the step before each of them goes on from. */
  order: Tensor1D;
  /** int32 [1]: how many tokens came before. */
  position: Tensor1D;
}

/**
 * What each layer looks at of a picture, the same in every step.
 * @param seen [1, n, hiddenSize of the network that sees]
 * @returns for each layer [heads, n, hiddenSize / heads]; the caller disposes them
 */
export const keysOfPicture = (
  params: BlipDecoder,
  { heads }: BlipTextConfig,
  seen: Tensor3D,
): KeysAndValues[] =>
  tidy(() =>
    params.layers.map(({ crossAttention: { key, value } }) => ({
      key: splitHeads(linear(seen, key), heads),
      value: splitHeads(linear(seen, value), heads),
    })),
  );

/**
 * Room for the keys and values of `length` tokens, so that each step computes one token only, in functions of one shape.
 * @returns for each layer [beams, heads, length, hiddenSize / heads]; the caller disposes them
 */
export const emptyCache = (config: BlipTextConfig, beams: number, length: number): KeysAndValues[] => {
  const { heads, hiddenSize } = config;
  const room = () => zeros([beams, heads, length, hiddenSize / heads]);
  return Array.from({ length: config.layers }, () => ({ key: room(), value: room() }));
};

/**
 * How likely each token comes next: logits [beams, vocabularySize], and the cache with this step's token in it. The caller
 * disposes both.
 * @param picture as {@link keysOfPicture} makes it
 * @param cache as the step before returned it, or as {@link emptyCache} makes it
 */
export function decodeStep(
  params: BlipDecoder,
  config: BlipTextConfig,
  picture: KeysAndValues[],
  cache: KeysAndValues[],
  { tokens, order, position }: StepInputs,
): { logits: Tensor2D; cache: KeysAndValues[] } {
  const { epsilon, hiddenSize } = config;
  return tidy(() => {
    const beams = tokens.shape[0];
    const length = cache[0]!.key.shape[2]!;
    const places = range(0, length, 1, "int32");
    // Not by oneHot, whose floats are no numbers on tfjs's WebAssembly engine.
    const here = reshape(cast(equal(places, position), "float32"), [length, 1]);
    const step: Step = {
      order,
      here,
      elsewhere: sub(1, here),
      mask: mul(cast(greater(places, position), "float32"), -1e9),
    };
    const embedded = add(gather(params.tokenEmbedding, tokens), gather(params.positionEmbedding, position));
    // The beams stand as the tokens of one text: all of them look at the same picture.
    let h: Tensor3D = reshape(layerNorm(embedded, params.normIn, epsilon), [1, beams, hiddenSize]);
    const next: KeysAndValues[] = [];
    params.layers.forEach((layer, i) => {
      const { mixed, cache: grown } = attendToPast(h, layer, config, cache[i]!, step);
      next.push(grown);
      h = layerNorm(add(h, mixed), layer.selfNorm, epsilon);
      h = layerNorm(add(h, attendToPicture(h, layer, config, picture[i]!)), layer.crossNorm, epsilon);
      const further = feedForward(h, layer.feedForward, config.activation);
      h = layerNorm(add(h, further), layer.normOut, epsilon);
    });
    return { logits: scoreTokens(reshape(h, [beams, hiddenSize]), params, config), cache: next };
  });
}

interface Step {
  order: Tensor1D;
  /** [length, 1]: 1 at this step's place, and its opposite. */
  here: Tensor;
  elsewhere: Tensor;
  /** [length]: a large negative number at places after this step's. */
  mask: Tensor;
}

function attendToPast(
  x: Tensor3D,
  { selfAttention: { query, key, value, output } }: DecoderLayer,
  { heads, hiddenSize }: BlipTextConfig,
  cache: KeysAndValues,
  { order, here, elsewhere, mask }: Step,
): { mixed: Tensor3D; cache: KeysAndValues } {
  const beams = x.shape[1];
  const size = hiddenSize / heads;
  const length = here.shape[0]!;
  const grow = (past: Tensor, now: Tensor): Tensor4D =>
    add(mul(gather(past, order), elsewhere), mul(reshape(now, [beams, heads, 1, size]), here));
  const keys = grow(cache.key, linear(x, key));
  const values = grow(cache.value, linear(x, value));
  const all = (past: Tensor): Tensor3D => reshape(past, [beams * heads, length, size]);
  const asked = mul(reshape(linear(x, query), [beams * heads, 1, size]), size ** -0.5) as Tensor3D;
  const weights = softmax(add(matMul(asked, all(keys), false, true), mask)) as Tensor3D;
  const mixed = reshape(matMul(weights, all(values)), [1, beams, hiddenSize]) as Tensor3D;
  return { mixed: linear(mixed, output), cache: { key: keys, value: values } };
}

function attendToPicture(
  x: Tensor3D,
  { crossAttention: { query, output } }: DecoderLayer,
  { heads }: BlipTextConfig,
  { key, value }: KeysAndValues,
): Tensor3D {
  const mixed = attention(splitHeads(linear(x, query), heads), key as Tensor3D, value as Tensor3D);
  return linear(mergeHeads(mixed, heads), output);
}

function scoreTokens(
  h: Tensor2D,
  { tokenEmbedding, head }: BlipDecoder,
  { activation, epsilon }: BlipTextConfig,
): Tensor2D {
  const transformed = layerNorm(activate(linear(h, head.transform), activation), head.norm, epsilon);
  const embedding = (head.embedding ?? tokenEmbedding) as Tensor2D;
  return add(matMul(transformed, embedding, false, true), head.bias);
}
