import { existsSync } from "node:fs";
import { join } from "node:path";
import { readConfig, restoreFolder } from "@controlnet-js/checkpoints/node";
import { type BpeVocabulary, createTokenizer, type Tokenizer } from "@controlnet-js/text-encoder";
import { addedTokens, tokenOf } from "./added-tokens.js";
import { readVocabulary } from "./read-vocabulary.js";

/** How to load a tokenizer. */
export interface LoadTokenizerOptions {
  /** The number of the token that fills up short texts, whatever the folder says. */
  padding?: number;
}

/**
 * Loads the folder of a CLIP tokenizer: its words (see {@link readVocabulary}), and where there are any
 * `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, which tell the padding token, the length
 * and the tokens that are found inside words.
 * @param maxTokens the text encoder's limit
 * @throws ControlNetError `io`, `format`, `config`
 */
export function loadTokenizer(
  folder: string,
  maxTokens: number,
  { padding }: LoadTokenizerOptions = {},
): { tokenizer: Tokenizer; vocabulary: BpeVocabulary } {
  restoreFolder(folder);
  const read = (name: string) => (existsSync(join(folder, name)) ? readConfig(folder, name) : {});
  const files = {
    config: read("tokenizer_config.json"),
    special: read("special_tokens_map.json"),
    added: read("added_tokens.json"),
    whole: existsSync(join(folder, "vocab.json")) ? {} : read("tokenizer.json"),
  };
  const added = addedTokens(files);
  const known = readVocabulary(folder);
  const numbers = added.flatMap(({ content, id }) => (id === undefined ? [] : [[content, id] as const]));
  const vocabulary = { ...known, tokens: { ...Object.fromEntries(numbers), ...known.tokens } };
  const { model_max_length: length } = files.config;
  const padToken =
    padding === undefined
      ? tokenOf(files.config.pad_token ?? files.special.pad_token)?.content
      : Object.keys(vocabulary.tokens).find((name) => vocabulary.tokens[name] === padding);
  const tokenizer = createTokenizer(vocabulary, {
    maxTokens: Math.min(typeof length === "number" ? length : maxTokens, maxTokens),
    added: added.filter(({ content }) => Object.hasOwn(vocabulary.tokens, content)),
    ...(padToken !== undefined && { padToken }),
  });
  return { tokenizer, vocabulary };
}
