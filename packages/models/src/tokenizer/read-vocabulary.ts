import { existsSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import { type BpeVocabulary, parseVocabulary } from "@controlnet-js/text-encoder";
import { readText } from "../open/read-text.js";

/** Whether a folder holds a CLIP tokenizer: `vocab.json` and `merges.txt`, or transformers 5's `tokenizer.json`. */
export const holdsVocabulary = (folder: string): boolean =>
  ["vocab.json", "merges.txt"].every((name) => existsSync(join(folder, name))) ||
  existsSync(join(folder, "tokenizer.json"));

/**
 * Reads the words of a CLIP tokenizer: `vocab.json` and `merges.txt`, else `tokenizer.json`, which holds both.
 * @throws ControlNetError `io`, `format`
 */
export function readVocabulary(folder: string): BpeVocabulary {
  if (!existsSync(join(folder, "vocab.json")) && existsSync(join(folder, "tokenizer.json")))
    return fromTokenizerJson(join(folder, "tokenizer.json"), readConfig(folder, "tokenizer.json"));
  return parseVocabulary(readText(join(folder, "vocab.json")), readText(join(folder, "merges.txt")));
}

interface BytePairs {
  type: "BPE";
  vocab: object;
  merges: readonly (string | readonly string[])[];
}

interface TokenizerJson {
  model?: Partial<Omit<BytePairs, "type">> & { type?: string };
  added_tokens?: readonly { id: number; content: string }[];
}

const isBytePairs = (model: TokenizerJson["model"]): model is BytePairs =>
  model?.type === "BPE" &&
  typeof model.vocab === "object" &&
  model.vocab !== null &&
  Array.isArray(model.merges) &&
  model.merges.every(isMerge);

const isMerge = (pair: unknown): boolean =>
  typeof pair === "string" || (Array.isArray(pair) && pair.every((symbol) => typeof symbol === "string"));

/** @throws ControlNetError `format` for a tokenizer of another kind */
function fromTokenizerJson(path: string, { model, added_tokens: added = [] }: TokenizerJson): BpeVocabulary {
  const isAdded = Array.isArray(added) && added.every((token) => typeof token?.content === "string");
  if (!isBytePairs(model) || !isAdded)
    throw new ControlNetError(
      "format",
      `${path}: expected a byte-pair tokenizer (model.type "BPE" with vocab and merges), got type ${(JSON.stringify(model?.type) ?? "none").slice(0, 80)}, or entries of another form`,
    );
  const merges = model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" ")));
  const special = Object.fromEntries(added.map(({ id, content }) => [content, id]));
  return parseVocabulary(JSON.stringify({ ...model.vocab, ...special }), merges.join("\n"));
}
