import { defineKernel } from "@controlnet-js/core";
import {
  cast,
  gather,
  matMul,
  oneHot,
  reshape,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
} from "@tensorflow/tfjs-core";

const embeddingKernel = defineKernel<"table" | "tokens", { vocabularySize: number }>({
  name: "TokenEmbedding",
  forward: ({ table, tokens }) => [gather(table, tokens)],
  saveInputs: ["tokens"],
  gradient(upstream, [tokens], { vocabularySize }) {
    return {
      // A product with one-hot rows: no scatter kernel needed (wasm has none), and the same bits on every run.
      table: () => {
        // Cast, as tfjs's WebAssembly engine writes the bits of whole numbers where floats are asked for.
        const rows = cast(oneHot(reshape(tokens!, [-1]), vocabularySize), "float32") as Tensor2D;
        const flat = reshape(upstream, [-1, upstream.shape[upstream.rank - 1]!]) as Tensor2D;
        return matMul(rows, flat, true, false);
      },
    };
  },
});

/** Rows of `table` [vocabulary, features] for `tokens` [batch, n] (int32): [batch, n, features]. */
export const embedTokens = (table: Tensor, tokens: Tensor2D): Tensor3D =>
  embeddingKernel({ table, tokens }, { vocabularySize: table.shape[0]! })[0] as Tensor3D;
