import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TensorSource } from "@controlnet-js/checkpoints";
import { openWeights, readConfig } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import type { Json } from "../hugging-face/parse-json.js";

/** A folder of one of transformers' PyTorch models: how it computes and its weights. */
export interface HuggingFaceFolder {
  path: string;
  /** `config.json` */
  config: Json;
  /** `preprocessor_config.json`, or what `processor_config.json` says of pictures. */
  preprocessor: Json;
  /** `model.safetensors` or `pytorch_model.bin`, whole or in shards; read when asked for. */
  weights: TensorSource;
}

/** The base names of a model's weights in transformers. */
const baseNames = ["model", "pytorch_model"];

/**
 * What kind of model a folder holds, `model_type` in its `config.json`.
 * @throws ControlNetError `io` or `format` where there is no such file, `unsupported` where it says nothing
 */
export function modelTypeOf(where: string, folder: string): string {
  const { model_type: type } = readConfig(folder);
  if (typeof type === "string") return type;
  throw new ControlNetError(
    "unsupported",
    `${where}: ${join(folder, "config.json")} has no "model_type"; expected a model of transformers`,
  );
}

/**
 * Opens a model's folder for as long as `use` takes.
 * @throws ControlNetError `io`, `missing` or `format` naming the folder and the file that is not there or is damaged
 */
export function withHuggingFaceFolder<T>(path: string, use: (folder: HuggingFaceFolder) => T): T {
  const config = readConfig(path);
  const preprocessor = readPreprocessor(path);
  const weights = openWeights(path, baseNames);
  try {
    return use({ path, config, preprocessor, weights });
  } finally {
    weights.close();
  }
}

/**
 * How a folder's model wants its pictures.
 * @throws ControlNetError `io` or `format` naming the file
 */
export function readPreprocessor(folder: string): Json {
  // Version 5 of transformers writes one file for tokenizer and pictures where a model has both.
  const combined = "processor_config.json";
  if (!existsSync(join(folder, "preprocessor_config.json")) && existsSync(join(folder, combined))) {
    const { image_processor: images } = readConfig(folder, combined);
    if (typeof images === "object" && images !== null) return images as Json;
  }
  return readConfig(folder, "preprocessor_config.json");
}
