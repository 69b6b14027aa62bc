import { join } from "node:path";
import type { NamedTensor } from "../tensor-source.js";
import { writeAll, writeDurably } from "./atomic.js";
import { jsonBytes } from "./config-file.js";
import { replaceFolder } from "./replace-folder.js";
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
  const { files, index } = planShards(entries, baseName, { format: "pt", ...metadata }, shardBytes, options);
  const replaced = {
    isPart: (name: string) => modelFile.test(name),
    where: "saveModelFolder",
    what: "model",
  };
  await replaceFolder(folder, replaced, async (aside) => {
    await writeDurably(join(aside, "config.json"), (handle) => writeAll(handle, jsonBytes(config)));
    for (const { name, plan } of files)
      await writeDurably(join(aside, name), (handle) => writePlan(handle, plan));
    if (index)
      await writeDurably(join(aside, index.name), (handle) => writeAll(handle, jsonBytes(index.value)));
  });
}

const modelFile = /^(config\.json|README\.md|[\w.-]+\.(safetensors|bin)|[\w.-]+\.index(\.\w+)?\.json)$/;
