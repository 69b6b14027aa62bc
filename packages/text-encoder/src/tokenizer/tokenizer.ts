import { ControlNetError } from "@controlnet-js/core";
import { type Tensor2D, tensor2d } from "@tensorflow/tfjs-core";
import { fromByteCharacters, toByteCharacters } from "./bytes.js";
import { mergeWord } from "./merge.js";
import { type AddedToken, wordsWithAdded } from "./transformers-words.js";
import { type BpeVocabulary, endOfText, endOfWord, startOfText } from "./vocabulary.js";

/** How texts are turned into tokens. */
export interface TokenizerOptions {
  /** Tokens of a text, start and end included. Default 77. */
  maxTokens?: number;
  /** Fills up short texts. Default: the end token, as in Stable Diffusion 1; Stable Diffusion 2 takes `"!"`. */
  padToken?: string;
  /**
   * Cleans a text and cuts it into words. Default: as `transformers`, and so diffusers, do; `originalWords` does as
   * OpenAI's tokenizer, which repairs texts with ftfy first.
   */
  words?: (text: string) => readonly string[];
  /**
   * Tokens of the vocabulary that are found in a text as they stand, beside the marks of start and end: in `transformers`
   * the padding token, where a folder names one, and what was added to the vocabulary. Not with `words`.
   */
  added?: readonly AddedToken[];
}

/** One text in tokens. */
export interface Tokenized {
  /** `maxTokens` numbers: start, text, end, padding. */
  tokens: Int32Array;
  /** Tokens before the padding, start and end included. */
  length: number;
  /** What did not fit, decoded; undefined where everything did. Tell the user. */
  truncated?: string;
}

/** CLIP's byte-pair tokenizer over a vocabulary. */
export interface Tokenizer {
  readonly maxTokens: number;
  readonly vocabularySize: number;
  readonly startToken: number;
  readonly endToken: number;
  readonly padToken: number;
  /** The option of `createTokenizer`, for whoever saves it. */
  readonly added: readonly AddedToken[];
  /** The tokens of a text alone: no marks, no padding, no limit. */
  tokenize(text: string): number[];
  /** The tokens of a text as a text encoder takes them. */
  encode(text: string): Tokenized;
  /**
   * A text of any length in pieces of `maxTokens`, each with start, end and padding: their contexts are joined
   * along the token axis. At least `pieces` of them, so that two prompts can be brought to the same length.
   */
  encodeLong(text: string, pieces?: number): Int32Array[];
  /** The text of tokens; start and end marks are left out. */
  decode(tokens: ArrayLike<number>): string;
}

/**
 * Makes a tokenizer that agrees with `transformers`' CLIPTokenizer on any text or, with `originalWords`, with OpenAI's
 * SimpleTokenizer.
 * @throws ControlNetError `config` where the vocabulary lacks the start, end or padding token
 */
export function createTokenizer(
  vocabulary: BpeVocabulary,
  { maxTokens = 77, padToken = endOfText, added = [], words = wordsAmong(added) }: TokenizerOptions = {},
): Tokenizer {
  const ids = new Map(Object.entries(vocabulary.tokens));
  const names = new Map(Array.from(ids, ([name, id]) => [id, name]));
  const ranks = new Map(vocabulary.merges.map(([left, right], rank) => [`${left} ${right}`, rank]));
  const idOf = (name: string): number => {
    const id = ids.get(name);
    if (id === undefined)
      throw new ControlNetError(
        "config",
        `createTokenizer: the vocabulary has no token ${JSON.stringify(name)}`,
      );
    return id;
  };
  const start = idOf(startOfText);
  const end = idOf(endOfText);
  const pad = idOf(ids.has(padToken) ? padToken : padToken + endOfWord);
  const cache = new Map<string, readonly number[]>([
    ...added.map(({ content }) => [content, [idOf(content)]] as const),
    [startOfText, [start]],
    [endOfText, [end]],
  ]);

  const encodeWord = (word: string): readonly number[] => {
    const known = cache.get(word);
    if (known) return known;
    const symbols = [...toByteCharacters(word)];
    symbols.push(symbols.pop()! + endOfWord);
    const merged = mergeWord(symbols, (left, right) => ranks.get(`${left} ${right}`));
    const tokens = merged.map((symbol) => ids.get(symbol) ?? end);
    if (cache.size < 10_000) cache.set(word, tokens);
    return tokens;
  };

  const tokenize = (text: string): number[] => words(text).flatMap(encodeWord);

  const decode = (tokens: ArrayLike<number>): string => {
    const known = Array.from(tokens, (token) =>
      token === start || token === end ? "" : (names.get(token) ?? ""),
    );
    const text = known.map((name) =>
      name.endsWith(endOfWord) ? `${name.slice(0, -endOfWord.length)}\u0120` : name,
    );
    return fromByteCharacters(text.join("")).trim();
  };

  const framed = (tokens: readonly number[]): Int32Array =>
    new Int32Array(maxTokens).fill(pad).map((token, i) => {
      if (i === 0) return start;
      return i <= tokens.length ? tokens[i - 1]! : i === tokens.length + 1 ? end : token;
    });

  return {
    maxTokens,
    vocabularySize: [...names.keys()].reduce((most, id) => Math.max(most, id), 0) + 1,
    startToken: start,
    endToken: end,
    padToken: pad,
    added,
    tokenize,
    encode(text) {
      const all = tokenize(text);
      const kept = all.slice(0, maxTokens - 2);
      const lost = all.slice(maxTokens - 2);
      return {
        tokens: framed(kept),
        length: kept.length + 2,
        ...(lost.length > 0 && { truncated: decode(lost) }),
      };
    },
    encodeLong(text, pieces = 1) {
      const all = tokenize(text);
      const count = Math.max(pieces, Math.ceil(all.length / (maxTokens - 2)));
      return Array.from({ length: count }, (_, i) =>
        framed(all.slice(i * (maxTokens - 2), (i + 1) * (maxTokens - 2))),
      );
    },
    decode,
  };
}

/** The words among added tokens and the marks, which are taken as they are spelt unless they are among them. */
const wordsAmong = (added: readonly AddedToken[]) =>
  wordsWithAdded([
    ...added,
    ...[startOfText, endOfText]
      .filter((mark) => !added.some(({ content }) => content === mark))
      .map((content) => ({ content })),
  ]);

/** The tokens of several texts: int32 [texts, maxTokens], to be disposed by the caller, and what was cut off each. */
export function encodeTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
): { tokens: Tensor2D; truncated: (string | undefined)[] } {
  const encoded = texts.map((text) => tokenizer.encode(text));
  const values = new Int32Array(texts.length * tokenizer.maxTokens);
  encoded.forEach(({ tokens }, i) => {
    values.set(tokens, i * tokenizer.maxTokens);
  });
  return {
    tokens: tensor2d(values, [texts.length, tokenizer.maxTokens], "int32"),
    truncated: encoded.map(({ truncated }) => truncated),
  };
}
