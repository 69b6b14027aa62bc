import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import type { NamedTensor } from "../tensor-source.js";
import { asideOf, saveError, syncFolder, writeAll, writeDurably } from "./atomic.js";
import { jsonBytes } from "./config-file.js";
import { type SaveOptions, writePlan } from "./save-safetensors.js";
import { planShards } from "./shards.js";

/** How to save a model folder. */
export interface SaveFolderOptions extends SaveOptions {
  /** The weights file's name without its ending. Default `diffusion_pytorch_model`; text encoders use `model`. */
  baseName?: string;
  /** Weights larger than this are written as several files with an index. Default 10 GB, as diffusers'. */
  shardBytes?: number;
}

/**
 * Saves a model as diffusers lays it out: a folder with `config.json` and safetensors. It is written
 * aside and renamed, replacing an earlier model folder as a whole.
 * @throws ControlNetError `io` where `folder` holds other things than a model, or the disk is full
 */
export async function saveModelFolder(
  folder: string,
  config: object,
  entries: Iterable<NamedTensor>,
  {
    baseName = "diffusion_pytorch_model",
    metadata = {},
    shardBytes = 10e9,
    ...options
  }: SaveFolderOptions = {},
): Promise<void> {
  const target = resolve(folder);
  const { files, index } = planShards(entries, baseName, { format: "pt", ...metadata }, shardBytes, options);
  const aside = asideOf(target);
  const old = asideOf(target, "old");
  try {
    const replaces = await checkReplaceable(target);
    await mkdir(aside, { recursive: true });
    await writeDurably(join(aside, "config.json"), (handle) => writeAll(handle, jsonBytes(config)));
    for (const { name, plan } of files)
      await writeDurably(join(aside, name), (handle) => writePlan(handle, plan));
    if (index)
      await writeDurably(join(aside, index.name), (handle) => writeAll(handle, jsonBytes(index.value)));
    await syncFolder(aside);
    if (replaces) await rename(target, old);
    try {
      await rename(aside, target);
    } catch (error) {
      if (replaces) await rename(old, target);
      throw error;
    }
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw isControlNetError(error) ? error : saveError(target, error);
  }
  await rm(old, { recursive: true, force: true });
  await syncFolder(dirname(target));
}

const modelFile = /^(config\.json|README\.md|[\w.-]+\.(safetensors|bin)|[\w.-]+\.index(\.\w+)?\.json)$/;

async function checkReplaceable(folder: string): Promise<boolean> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const other = files.find((name) => !modelFile.test(name));
  if (other !== undefined)
    throw new ControlNetError(
      "io",
      `saveModelFolder: ${folder} holds "${other}", which is no part of a model; choose a new or empty folder`,
    );
  return true;
}
