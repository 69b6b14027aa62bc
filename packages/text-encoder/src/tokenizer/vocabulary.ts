import { ControlNetError } from "@controlnet-js/core";
import { byteCharacters, bytesInOrder } from "./bytes.js";

/** Marks a text's start. */
export const startOfText = "<|startoftext|>";
/** Marks a text's end, and stands for what is not in the vocabulary. */
export const endOfText = "<|endoftext|>";
/** Marks a symbol that ends a word. */
export const endOfWord = "</w>";

/** What a byte-pair tokenizer knows: the files `vocab.json` and `merges.txt`. */
export interface BpeVocabulary {
  /** Each token's number. */
  tokens: Readonly<Record<string, number>>;
  /** The pairs that join, the most urgent first. */
  merges: readonly (readonly [string, string])[];
}

const parseMerges = (lines: readonly string[], where: string): [string, string][] =>
  lines.map((line, i) => {
    const [left, right, ...rest] = line.split(" ");
    if (!left || !right || rest.length > 0)
      throw new ControlNetError(
        "format",
        `${where}: merge ${i + 1} is not two symbols: ${JSON.stringify(line)}`,
      );
    return [left, right];
  });

const mergeLines = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .filter((line, i) => line !== "" && !(i === 0 && (line.startsWith("#version") || line.startsWith('"'))));

/**
 * Reads the two files of a published tokenizer folder.
 * @param vocabJson the text of `vocab.json`
 * @param mergesTxt the text of `merges.txt`
 * @throws ControlNetError `format` for what is not such a file
 */
export function parseVocabulary(vocabJson: string, mergesTxt: string): BpeVocabulary {
  let parsed: unknown;
  try {
    parsed = JSON.parse(vocabJson);
  } catch (cause) {
    throw new ControlNetError("format", "parseVocabulary: vocab.json is not JSON", { cause });
  }
  const valid =
    typeof parsed === "object" &&
    parsed !== null &&
    !Array.isArray(parsed) &&
    Object.values(parsed).every(
      (id) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 20,
    );
  if (!valid)
    throw new ControlNetError(
      "format",
      "parseVocabulary: vocab.json must map each token to a number from 0 to 1048575",
    );
  return {
    tokens: parsed as Record<string, number>,
    merges: parseMerges(mergeLines(mergesTxt), "parseVocabulary: merges.txt"),
  };
}

/**
 * Reads OpenAI's `bpe_simple_vocab_16e6.txt` (unpacked), whose first 48894 merges make CLIP's 49408 tokens.
 * @param size number of tokens wanted, 512 bytes and 2 marks included
 * @throws ControlNetError `format` where the file is too short or broken
 */
export function parseSimpleVocabulary(text: string, size = 49408): BpeVocabulary {
  const lines = mergeLines(text).slice(0, size - 514);
  if (lines.length < size - 514)
    throw new ControlNetError(
      "format",
      `parseSimpleVocabulary: expected at least ${size - 514} merges, got ${lines.length}`,
    );
  return vocabularyOfMerges(parseMerges(lines, "parseSimpleVocabulary"));
}

/** Numbers tokens as CLIP does: bytes, bytes that end a word, one token per merge, start, end. */
export function vocabularyOfMerges(merges: readonly (readonly [string, string])[]): BpeVocabulary {
  const symbols = bytesInOrder.map((byte) => byteCharacters[byte]!);
  const names = [
    ...symbols,
    ...symbols.map((symbol) => symbol + endOfWord),
    ...merges.map(([left, right]) => left + right),
    startOfText,
    endOfText,
  ];
  return { tokens: Object.fromEntries(names.map((name, id) => [name, id])), merges };
}

/** The texts of `vocab.json` and `merges.txt`, as published tokenizer folders hold them. */
export const formatVocabulary = ({
  tokens,
  merges,
}: BpeVocabulary): { vocabJson: string; mergesTxt: string } => ({
  vocabJson: JSON.stringify(tokens),
  mergesTxt: `${["#version: 0.2", ...merges.map(([left, right]) => `${left} ${right}`)].join("\n")}\n`,
});
