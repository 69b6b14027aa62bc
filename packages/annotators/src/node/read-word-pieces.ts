import { existsSync } from "node:fs";
import { join } from "node:path";
import { readConfig, readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { createWordPieces, type WordPieces } from "../blip/word-pieces.js";
import { parseJson } from "../hugging-face/parse-json.js";

const tokenizerSchema = z.object({
  model: z.object({
    type: z.literal("WordPiece", "expected WordPiece, BERT's").default("WordPiece"),
    vocab: z.record(z.string(), z.int().nonnegative().max(1e6)),
  }),
});

const settingsSchema = z.object({
  do_lower_case: z.boolean().default(true),
  strip_accents: z.boolean().optional(),
  tokenize_chinese_chars: z.boolean().default(true),
  clean_up_tokenization_spaces: z.boolean().default(false),
});

/**
 * Opens the BERT tokenizer of a model's folder: `tokenizer.json`, else `vocab.txt`, with the settings of
 * `tokenizer_config.json`, if there is one.
 * @throws ControlNetError `missing` where the folder has neither, `unsupported` or `format` for what is no such tokenizer
 */
export function readWordPieces(where: string, folder: string): WordPieces {
  const name = "tokenizer_config.json";
  const json = existsSync(join(folder, name)) ? readConfig(folder, name) : {};
  const settings = parseJson(`${where}: ${join(folder, name)}`, settingsSchema, json);
  return createWordPieces(readVocabulary(where, folder), {
    lowercase: settings.do_lower_case,
    ...(settings.strip_accents !== undefined && { stripAccents: settings.strip_accents }),
    splitChinese: settings.tokenize_chinese_chars,
    cleanUp: settings.clean_up_tokenization_spaces,
  });
}

function readVocabulary(where: string, folder: string): string[] {
  const [json, lines] = ["tokenizer.json", "vocab.txt"].map((name) => join(folder, name)) as [string, string];
  if (existsSync(json)) {
    const { model } = parseJson(`${where}: ${json}`, tokenizerSchema, readConfig(folder, "tokenizer.json"));
    const tokens: string[] = [];
    for (const [token, number] of Object.entries(model.vocab)) tokens[number] = token;
    return tokens;
  }
  if (existsSync(lines))
    return readRegularFile(lines)
      .toString("utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.trimEnd());
  throw new ControlNetError("missing", `${where}: ${folder} has neither tokenizer.json nor vocab.txt`);
}
