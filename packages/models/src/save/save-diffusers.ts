import { existsSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { ModelPart } from "@controlnet-js/checkpoints";
import {
  readConfig,
  replaceFolder,
  saveModelFolder,
  saveSafetensors,
  writeConfig,
} from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import { type SchedulerConfig, writeSchedulerConfig } from "@controlnet-js/samplers";
import { formatVocabulary } from "@controlnet-js/text-encoder";
import type { ConvertedPart } from "../open/part-model.js";
import { findTokenizer, tokenizerAdvice } from "../tokenizer/find-tokenizer.js";
import { readVocabulary } from "../tokenizer/read-vocabulary.js";
import { modelIndex } from "./model-index.js";

/** How to save parts in diffusers' form. */
export interface SaveDiffusersOptions {
  /** Whether to write the folder of a pipeline, rather than of its only part. */
  whole: boolean;
  metadata: Record<string, string>;
  scheduler: () => SchedulerConfig;
  /** Where the model came from; its tokenizer is looked for there. */
  input: string;
  tokenizer: string | undefined;
  log: (line: string) => void;
}

const folderOf: Readonly<Record<ModelPart, string>> = {
  unet: "unet",
  controlnet: "controlnet",
  autoencoder: "vae",
  "text-encoder": "text_encoder",
};
const pipelineParts = [...Object.values(folderOf), "tokenizer", "scheduler", "model_index.json", "README.md"];
const tokenizerFiles = ["tokenizer_config.json", "special_tokens_map.json"];

/**
 * Saves parts as `from_pretrained` reads them: the folder of a pipeline, or of one model; or one model's weights alone
 * where `path` ends in `.safetensors`.
 * @throws ControlNetError `io`, `config`
 */
export async function saveDiffusers(
  path: string,
  parts: readonly ConvertedPart[],
  options: SaveDiffusersOptions,
): Promise<void> {
  const { whole, metadata, scheduler } = options;
  const toFile = extname(path) === ".safetensors";
  if (toFile && whole)
    throw new ControlNetError(
      "config",
      `expected --out FOLDER for a whole model in diffusers' form, got ${path}; --part chooses one part`,
    );
  const [only] = parts as [ConvertedPart];
  if (toFile) return saveSafetensors(path, only.entries, { metadata: { ...metadata, format: "pt" } });
  if (!whole) return savePart(path, only, metadata);
  await replaceFolder(
    path,
    { isPart: (name) => pipelineParts.includes(name), where: "convertModel", what: "pipeline" },
    async (aside) => {
      for (const part of parts)
        await savePart(
          join(aside, folderOf[part.part]),
          part,
          part.part === "unet" || part.part === "controlnet" ? metadata : {},
        );
      const config = scheduler();
      await mkdir(join(aside, "scheduler"));
      await writeFile(join(aside, "scheduler", "scheduler_config.json"), writeSchedulerConfig(config));
      const hasTokenizer = await saveTokenizer(join(aside, "tokenizer"), parts, options);
      await writeConfig(aside, indexOf(parts, config.json._class_name, hasTokenizer), "model_index.json");
    },
  );
}

const savePart = (folder: string, { part, json, entries }: ConvertedPart, metadata: Record<string, string>) =>
  saveModelFolder(folder, json, entries, {
    metadata,
    ...(part === "text-encoder" && { baseName: "model" }),
  });

async function saveTokenizer(
  folder: string,
  parts: readonly ConvertedPart[],
  { input, tokenizer, log }: SaveDiffusersOptions,
): Promise<boolean> {
  const text = parts.find(({ part }) => part === "text-encoder");
  if (!text) return false;
  const found = findTokenizer(input, tokenizer);
  if (found === undefined) {
    log(`no tokenizer written: ${tokenizerAdvice}`);
    return false;
  }
  await mkdir(folder);
  for (const name of tokenizerFiles)
    if (existsSync(join(found, name))) await copyFile(join(found, name), join(folder, name));
  const { max_position_embeddings: length, pad_token_id: pad } = text.json;
  const words = readVocabulary(found);
  const { vocabJson, mergesTxt } = formatVocabulary(words);
  await writeFile(join(folder, "vocab.json"), vocabJson);
  await writeFile(join(folder, "merges.txt"), mergesTxt);
  const config = existsSync(join(folder, "tokenizer_config.json"))
    ? readConfig(folder, "tokenizer_config.json")
    : { tokenizer_class: "CLIPTokenizer", model_max_length: length };
  // The original code pads OpenCLIP's texts with token 0, CLIP's with the end.
  const padToken = Object.keys(words.tokens).find((name) => words.tokens[name] === 0);
  if (pad === 0 && padToken !== undefined && config.pad_token === undefined) config.pad_token = padToken;
  await writeConfig(folder, config, "tokenizer_config.json");
  return true;
}

function indexOf(parts: readonly ConvertedPart[], scheduler: unknown, hasTokenizer: boolean) {
  const has = (part: ModelPart) => parts.some((found) => found.part === part);
  const channels = parts.find(({ part }) => part === "unet")?.json.in_channels;
  return modelIndex({
    task: channels === 9 ? "inpaint" : channels === 8 ? "edit" : "paint",
    scheduler,
    unet: has("unet"),
    autoencoder: has("autoencoder"),
    textEncoder: has("text-encoder"),
    tokenizer: hasTokenizer,
    controlNet: has("controlnet"),
  });
}
