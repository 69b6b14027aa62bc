import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { type NamedTensor, tensorSource } from "../tensor-source.js";
import { readJson } from "./config-file.js";
import { openCheckpointFile } from "./open-checkpoint-file.js";
import type { OpenSource } from "./open-safetensors.js";
import { restoreFolder } from "./restore-folder.js";

/** The base names under which published folders keep their weights, most usual first. */
export const weightNames = ["diffusion_pytorch_model", "model", "pytorch_model"] as const;

/** A source with the path it was found at. */
export interface FoundWeights extends OpenSource {
  /** The weights file, or the index of the shards. */
  readonly path: string;
}

/** Endings of weights files, most wanted first; `*` stands for a variant such as `fp16`. */
const endings = [
  ".safetensors",
  ".safetensors.index.json",
  ".*.safetensors",
  ".safetensors.index.*.json",
  ".*.safetensors.index.json",
  ".bin",
  ".bin.index.json",
  ".*.bin",
  ".bin.index.*.json",
  ".*.bin.index.json",
] as const;

/** The file with this base name and ending; of several variants `fp16`, else the first by name. */
function fileOf(files: readonly string[], base: string, ending: string): string | undefined {
  const [before, after] = ending.split("*") as [string, string?];
  if (after === undefined) return files.find((name) => name === base + before);
  const variants = files.filter((name) => {
    if (!name.startsWith(base + before) || !name.endsWith(after)) return false;
    const variant = name.slice(base.length + before.length, name.length - after.length);
    return /^\w+$/.test(variant) && variant !== "index";
  });
  return variants.find((name) => name === base + ending.replace("*", "fp16")) ?? variants.sort()[0];
}

/**
 * Opens the weights of a diffusers or transformers folder: a whole file or shards with an index, else one of its variants
 * (`.fp16.`, `.bf16.`, ...), whichever is there, in this order; then the same as `.bin`.
 * @param baseNames e.g. `["diffusion_pytorch_model"]`
 * @throws ControlNetError `missing` where the folder has none of them, naming what it has
 */
export function openWeights(folder: string, baseNames: readonly string[] = weightNames): FoundWeights {
  let files: string[];
  restoreFolder(folder);
  try {
    files = readdirSync(folder);
  } catch (cause) {
    throw new ControlNetError("io", `can't read folder ${folder}: ${(cause as Error).message}`, { cause });
  }
  let found: string | undefined;
  for (const base of baseNames) for (const ending of endings) found ??= fileOf(files, base, ending);
  if (found === undefined)
    throw new ControlNetError(
      "missing",
      `openWeights: ${folder} has no ${baseNames.map((base) => `${base}.safetensors`).join(", ")}, none of them in shards, as variant (.fp16.) or as .bin; it has: ${files.sort().slice(0, 20).join(", ") || "nothing"}`,
    );
  const path = join(folder, found);
  const source = found.endsWith(".json") ? openShards(folder, found) : openCheckpointFile(path);
  return { ...source, path };
}

/**
 * Opens weights split over several files by their index.
 * @throws ControlNetError `format` where index and files disagree or the index points out of its folder
 */
export function openShards(folder: string, indexName: string): OpenSource {
  const where = join(folder, indexName);
  const wrong = (message: string): never => {
    throw new ControlNetError("format", `${where}: ${message}`);
  };
  const map = readJson(where).weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map))
    return wrong(`expected an object "weight_map"`);
  const shards = new Map<string, OpenSource>();
  const close = () => {
    for (const shard of shards.values()) shard.close();
  };
  try {
    const tensors: NamedTensor[] = [];
    const namesOf = new Map<string, Set<string>>();
    for (const [name, file] of Object.entries(map) as [string, unknown][]) {
      if (
        typeof file !== "string" ||
        file !== basename(file) ||
        file.includes("\\") ||
        !/\.(safetensors|bin)$/.test(file)
      )
        return wrong(
          `tensor "${name}" is said to be in ${JSON.stringify(file)}, which is no file of this folder`,
        );
      let shard = shards.get(file);
      if (!shard) {
        shard = openCheckpointFile(join(folder, file));
        shards.set(file, shard);
        namesOf.set(file, new Set(shard.names()));
      }
      if (!namesOf.get(file)!.delete(name)) wrong(`tensor "${name}" is not in ${file}`);
      tensors.push(shard.get(name));
    }
    for (const [file, [extra]] of namesOf)
      if (extra !== undefined) wrong(`${file} holds "${extra}", which the index lacks`);
    const [first] = shards.values();
    return { ...tensorSource(tensors, first?.metadata ?? {}, where), close };
  } catch (error) {
    close();
    throw error;
  }
}
