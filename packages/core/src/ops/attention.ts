import {
  add,
  concat,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  sub,
  sum,
  type Tensor,
  type Tensor3D,
  tidy,
  transpose,
} from "@tensorflow/tfjs-core";
import { ControlNetError } from "../errors.js";
import { type Initializer, join } from "../initializer.js";
import { defineKernel } from "../kernel.js";
import { createLinear, type Linear, linear } from "./linear.js";

/** A block of scores holds at most this many numbers (16 MiB), whatever the shapes. */
const scoresPerBlock = 2 ** 22;

/** A range of heads and of query rows whose scores are held at once. */
export interface Block {
  head: number;
  heads: number;
  row: number;
  rows: number;
}

/** Blocks in order: whole heads together while they are small, rows of one head where they are large. */
export function blocksOf(heads: number, queries: number, keys: number, limit = scoresPerBlock): Block[] {
  const headsAtOnce = Math.max(1, Math.min(heads, Math.floor(limit / (queries * keys))));
  const rowsAtOnce = headsAtOnce > 1 ? queries : Math.max(1, Math.min(queries, Math.floor(limit / keys)));
  const blocks: Block[] = [];
  for (let head = 0; head < heads; head += headsAtOnce)
    for (let row = 0; row < queries; row += rowsAtOnce)
      blocks.push({
        head,
        heads: Math.min(headsAtOnce, heads - head),
        row,
        rows: Math.min(rowsAtOnce, queries - row),
      });
  return blocks;
}

const rowsOf = (x: Tensor, { head, heads, row, rows }: Block): Tensor =>
  heads === x.shape[0] && rows === x.shape[1] ? x : slice(x, [head, row, 0], [heads, rows, x.shape[2]!]);

const headsOf = (x: Tensor, { head, heads }: Block): Tensor =>
  heads === x.shape[0] ? x : slice(x, [head, 0, 0], [heads, x.shape[1]!, x.shape[2]!]);

const weightsOf = (query: Tensor, key: Tensor, scale: number): Tensor =>
  softmax(matMul(mul(query, scale), key, false, true));

/** Joins what each block gave: blocks of one head along the rows, then the heads. */
function joinRows(parts: Tensor[], blocks: Block[]): Tensor {
  const perHead: Tensor[] = [];
  for (let i = 0; i < parts.length; ) {
    let end = i + 1;
    while (end < parts.length && blocks[end]!.head === blocks[i]!.head) end++;
    perHead.push(end - i === 1 ? parts[i]! : concat(parts.slice(i, end), 1));
    i = end;
  }
  return perHead.length === 1 ? perHead[0]! : concat(perHead, 0);
}

/** The forward pass, block by block. */
export function attentionInBlocks(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  scale: number,
  blocks: Block[],
): Tensor {
  const parts = blocks.map((block) =>
    tidy(() => matMul(weightsOf(rowsOf(query, block), headsOf(key, block), scale), headsOf(value, block))),
  );
  return joinRows(parts, blocks);
}

/** The gradients of query, key and value, block by block; weights are computed again. */
export function attentionGradients(
  upstream: Tensor,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  output: Tensor,
  scale: number,
  blocks: Block[],
): [query: Tensor, key: Tensor, value: Tensor] {
  // Row sums of d * output equal those of weights * dWeights (Dao et al., FlashAttention, 2022, eq. 4).
  const rowSums = sum(mul(upstream, output), -1, true);
  const dQuery: Tensor[] = [];
  const dKey: Tensor[] = [];
  const dValue: Tensor[] = [];
  blocks.forEach((block, i) => {
    const [dq, dk, dv] = tidy(() => {
      const q = rowsOf(query, block);
      const k = headsOf(key, block);
      const d = rowsOf(upstream, block);
      const weights = weightsOf(q, k, scale);
      const dWeights = matMul(d, headsOf(value, block), false, true);
      const dScores = mul(mul(weights, sub(dWeights, rowsOf(rowSums, block))), scale);
      return [matMul(dScores, k), matMul(dScores, q, true, false), matMul(weights, d, true, false)] as [
        Tensor,
        Tensor,
        Tensor,
      ];
    });
    dQuery.push(dq);
    const sameHead = i > 0 && blocks[i - 1]!.head === block.head;
    dKey.push(sameHead ? addTo(dKey.pop()!, dk) : dk);
    dValue.push(sameHead ? addTo(dValue.pop()!, dv) : dv);
  });
  const join = (parts: Tensor[]) => (parts.length === 1 ? parts[0]! : concat(parts, 0));
  return [joinRows(dQuery, blocks), join(dKey), join(dValue)];
}

function addTo(total: Tensor, part: Tensor): Tensor {
  const result = add(total, part);
  total.dispose();
  part.dispose();
  return result;
}

type Attributes = { scale: number };

const attentionKernel = defineKernel<"query" | "key" | "value", Attributes>({
  name: "Attention",
  forward({ query, key, value }, { scale }) {
    const blocks = blocksOf(query.shape[0]!, query.shape[1]!, key.shape[1]!);
    return [attentionInBlocks(query, key, value, scale, blocks)];
  },
  saveInputs: ["query", "key", "value"],
  saveOutputs: [0],
  gradient(upstream, [query, key, value, output], { scale }) {
    const blocks = blocksOf(query!.shape[0]!, query!.shape[1]!, key!.shape[1]!);
    // All three at once and outside the functions below: tfjs frees what one of those makes when it returns.
    const [dQuery, dKey, dValue] = tidy(() =>
      attentionGradients(upstream, query!, key!, value!, output!, scale, blocks),
    );
    return { query: () => dQuery, key: () => dKey, value: () => dValue };
  },
});

/**
 * Scaled dot-product attention (Vaswani et al., 2017, eq. 1), exact: softmax(q k^T d^-1/2) v. Works on blocks of
 * queries, so that the score matrix never exists whole, and recomputes them in its gradient.
 * @param query [heads, queries, d], `key` and `value` [heads, keys, d]; heads may hold the batch as well
 * @returns [heads, queries, d]
 * @throws ControlNetError `shape` where these don't fit together
 */
export function attention(query: Tensor3D, key: Tensor3D, value: Tensor3D): Tensor3D {
  if (query.shape[0] !== key.shape[0] || query.shape[2] !== key.shape[2] || key.shape[1] !== value.shape[1])
    throw new ControlNetError(
      "shape",
      `attention: query [${query.shape}], key [${key.shape}] and value [${value.shape}] don't fit together`,
    );
  return attentionKernel({ query, key, value }, { scale: query.shape[2] ** -0.5 })[0] as Tensor3D;
}

/** Projections of a multi-head attention layer. Queries come from `x`, keys and values from a context or `x`. */
export interface Attention<L = Tensor> {
  query: Linear<L>;
  key: Linear<L>;
  value: Linear<L>;
  output: Linear<L>;
}

/** New parameters of an attention layer of latent diffusion: no bias but in the output projection. */
export function createAttention<L>(
  init: Initializer<L>,
  path: string,
  channels: number,
  contextChannels = channels,
  { bias = false }: { bias?: boolean } = {},
): Attention<L> {
  return {
    query: createLinear(init, join(path, "query"), channels, channels, { bias }),
    key: createLinear(init, join(path, "key"), contextChannels, channels, { bias }),
    value: createLinear(init, join(path, "value"), contextChannels, channels, { bias }),
    output: createLinear(init, join(path, "output"), channels, channels),
  };
}

/**
 * Multi-head attention of `x` [batch, queries, channels] over `context` [batch, keys, contextChannels], or over
 * itself, to [batch, queries, channels].
 */
export function multiHeadAttention(
  x: Tensor3D,
  params: Attention,
  heads: number,
  context: Tensor3D = x,
): Tensor3D {
  const split = (y: Tensor3D): Tensor3D => splitHeads(y, heads);
  const mixed = attention(
    split(linear(x, params.query)),
    split(linear(context, params.key)),
    split(linear(context, params.value)),
  );
  return linear(mergeHeads(mixed, heads), params.output);
}

/** [batch, n, channels] to [batch * heads, n, channels / heads]. */
export function splitHeads(x: Tensor3D, heads: number): Tensor3D {
  const [batch, count, channels] = x.shape;
  if (channels % heads !== 0)
    throw new ControlNetError("shape", `attention: ${channels} channels don't divide into ${heads} heads`);
  if (heads === 1) return x;
  const apart = transpose(reshape(x, [batch, count, heads, channels / heads]), [0, 2, 1, 3]);
  return reshape(apart, [batch * heads, count, channels / heads]);
}

/** [batch * heads, n, d] to [batch, n, heads * d]. */
export function mergeHeads(x: Tensor3D, heads: number): Tensor3D {
  if (heads === 1) return x;
  const [all, count, size] = x.shape;
  const together = transpose(reshape(x, [all / heads, heads, count, size]), [0, 2, 1, 3]);
  return reshape(together, [all / heads, count, heads * size]);
}
