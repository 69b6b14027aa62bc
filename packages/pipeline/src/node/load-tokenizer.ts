import { existsSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "@controlnet-js/checkpoints/node";
import { type BpeVocabulary, createTokenizer, type Tokenizer } from "@controlnet-js/text-encoder";
import { readVocabulary } from "./read-vocabulary.js";

/**
 * Loads the folder of a CLIP tokenizer: its words (see {@link readVocabulary}), and where there are any
 * `tokenizer_config.json` and `special_tokens_map.json`, which tell the padding token and the length.
 * @param maxTokens the text encoder's limit
 * @throws ControlNetError `io`, `format`, `config`
 */
export function loadTokenizer(
  folder: string,
  maxTokens: number,
): { tokenizer: Tokenizer; vocabulary: BpeVocabulary } {
  const read = (name: string) => (existsSync(join(folder, name)) ? readConfig(folder, name) : {});
  const config = { ...read("special_tokens_map.json"), ...read("tokenizer_config.json") };
  const vocabulary = readVocabulary(folder);
  const length = typeof config.model_max_length === "number" ? config.model_max_length : maxTokens;
  const padToken = tokenName(config.pad_token);
  const tokenizer = createTokenizer(vocabulary, {
    maxTokens: Math.min(length, maxTokens),
    ...(padToken !== undefined && { padToken }),
  });
  return { tokenizer, vocabulary };
}

/** A special token is written as its text or as an object around it. */
function tokenName(token: unknown): string | undefined {
  if (typeof token === "string") return token;
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}
