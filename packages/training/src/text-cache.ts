import { jit } from "@controlnet-js/core";
import {
  encodeText,
  encodeTexts,
  type TextEncoder,
  type TextEncoderConfig,
  type Tokenizer,
} from "@controlnet-js/text-encoder";
import { type Tensor2D, type Tensor3D, tensor3d } from "@tensorflow/tfjs-core";

/** Text embeddings, each computed once. */
export interface TextCache {
  /** Embeddings [texts, tokens, features]; the caller disposes them. */
  of(texts: readonly string[]): Promise<Tensor3D>;
  dispose(): void;
}

/**
 * Embeds texts with a locked text encoder and keeps the most recent ones.
 * @param limit how many embeddings are kept in memory
 */
export function createTextCache(
  params: TextEncoder,
  config: TextEncoderConfig,
  tokenizer: Tokenizer,
  limit = 20_000,
): TextCache {
  const known = new Map<string, Float32Array>();
  const run = jit((tokens: Tensor2D) => encodeText(params, config, tokens), { name: "encode-text" });
  const embed = async (text: string): Promise<Float32Array> => {
    const { tokens } = encodeTexts(tokenizer, [text]);
    const embedding = run(tokens);
    tokens.dispose();
    const values = (await embedding.data()) as Float32Array;
    embedding.dispose();
    return values;
  };
  return {
    async of(texts) {
      const size = tokenizer.maxTokens * config.hiddenSize;
      const values = new Float32Array(texts.length * size);
      for (const [i, text] of texts.entries()) {
        const found = known.get(text) ?? (await embed(text));
        known.delete(text);
        known.set(text, found);
        values.set(found, i * size);
      }
      for (const text of known.keys()) {
        if (known.size <= limit) break;
        known.delete(text);
      }
      return tensor3d(values, [texts.length, tokenizer.maxTokens, config.hiddenSize]);
    },
    dispose() {
      known.clear();
      run.dispose();
    },
  };
}
