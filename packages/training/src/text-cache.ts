import { decodeHalf, encodeHalf, exportTree } from "@controlnet-js/checkpoints";
import { hashModel } from "@controlnet-js/checkpoints/node";
import { jit } from "@controlnet-js/core";
import {
  encodeText,
  encodeTexts,
  type TextEncoder,
  type Tokenizer,
  textEncoderKeyRows,
} from "@controlnet-js/text-encoder";
import { type Tensor2D, type Tensor3D, tensor3d } from "@tensorflow/tfjs-core";
import { contentKey, type HalfStore } from "./half-store.js";

/** Text embeddings, each computed once. */
export interface TextCache {
  /** Embeddings [texts, tokens, features]; the caller disposes them. */
  of(texts: readonly string[]): Promise<Tensor3D>;
  /** Bytes that the embeddings held take. */
  readonly bytes: number;
  dispose(): void;
}

/** What an entry takes besides its text and numbers. */
const overhead = 256;

/**
 * Embeds texts with a locked text encoder and keeps the most recent ones, in half precision; an embedding just made
 * is rounded too, so that it does not matter whether it was held.
 * @param limit bytes that embeddings may take in memory. Default 1 GiB
 * @param store keeps them on a disk as well, by their tokens; of this encoder alone, see {@link textEncoderKey}
 */
export function createTextCache(
  { params, config }: TextEncoder,
  tokenizer: Tokenizer,
  limit = 2 ** 30,
  store?: HalfStore,
): TextCache {
  const known = new Map<string, Uint16Array>();
  let bytes = 0;
  const sizeOf = (text: string, held: Uint16Array) => held.byteLength + 2 * text.length + overhead;
  const forget = (text: string) => {
    const held = known.get(text);
    if (held && known.delete(text)) bytes -= sizeOf(text, held);
  };
  const run = jit((tokens: Tensor2D) => encodeText({ params, config }, tokens), { name: "encode-text" });
  const size = tokenizer.maxTokens * config.hiddenSize;
  const compute = async (tokens: Tensor2D): Promise<Uint16Array> => {
    const embedding = run(tokens);
    const values = (await embedding.data()) as Float32Array;
    embedding.dispose();
    return encodeHalf(values);
  };
  const stored = async (tokens: Tensor2D): Promise<Uint16Array> => {
    if (!store) return compute(tokens);
    const key = contentKey(JSON.stringify(await tokens.array()));
    const found = await store.get(key, size);
    if (found) return found;
    const computed = await compute(tokens);
    await store.put(key, computed);
    return computed;
  };
  const embed = async (text: string): Promise<Uint16Array> => {
    const { tokens } = encodeTexts(tokenizer, [text]);
    return stored(tokens).finally(() => tokens.dispose());
  };
  return {
    async of(texts) {
      const values = new Float32Array(texts.length * size);
      for (const [i, text] of texts.entries()) {
        const found = known.get(text) ?? (await embed(text));
        forget(text);
        known.set(text, found);
        bytes += sizeOf(text, found);
        values.set(decodeHalf(found), i * size);
      }
      for (const text of known.keys()) {
        if (bytes <= limit) break;
        forget(text);
      }
      return tensor3d(values, [texts.length, tokenizer.maxTokens, config.hiddenSize]);
    },
    get bytes() {
      return bytes;
    },
    dispose() {
      known.clear();
      bytes = 0;
      run.dispose();
    },
  };
}

/** What tells a text encoder apart: a hash of its weights and its config. */
export const textEncoderKey = ({ params, config }: TextEncoder): string =>
  contentKey(
    JSON.stringify(config),
    hashModel(exportTree(params, textEncoderKeyRows(config, "transformers"), { where: "textEncoderKey" })),
  );
