import { exportTree, type FloatDType } from "@controlnet-js/checkpoints";
import { openWeights, readConfig, saveModelFolder } from "@controlnet-js/checkpoints/node";
import {
  type ControlNetConfig,
  type ControlNetParams,
  controlNetConfigFromDiffusers,
  controlNetConfigToDiffusers,
  controlNetKeyRows,
  loadControlNetParams,
} from "@controlnet-js/controlnet";
import { ControlNetError } from "@controlnet-js/core";
import { metadataEntries, readMetadata } from "./metadata.js";

/** A loaded ControlNet; the caller disposes `params` with `disposeTree`. */
export interface LoadedControlNet {
  params: ControlNetParams;
  config: ControlNetConfig;
  /** What was saved with it: the condition's definition, the base model's hash, the step. */
  metadata: Record<string, unknown>;
}

/** How to save a ControlNet. */
export interface SaveControlNetOptions {
  /** Kept in the header of the weights file. */
  metadata?: Record<string, unknown>;
  /** The type to write. Default `F32`. */
  dtype?: FloatDType;
}

/**
 * Loads a ControlNet from a folder as diffusers lays out a ControlNetModel.
 * @throws ControlNetError `io`, `missing`, `format`, `config` or `unsupported`, naming the folder and the way out
 */
export async function loadControlNet(folder: string): Promise<LoadedControlNet> {
  const json = readConfig(folder);
  if (json._class_name !== undefined && json._class_name !== "ControlNetModel")
    throw new ControlNetError(
      "unsupported",
      `loadControlNet: ${folder} holds a ${json._class_name}, expected a ControlNetModel`,
    );
  const config = controlNetConfigFromDiffusers(json);
  const source = openWeights(folder);
  try {
    const where = `ControlNet ${source.path}`;
    const params = loadControlNetParams(source, config, "diffusers", { where });
    return { params, config, metadata: readMetadata(source.metadata) };
  } finally {
    source.close();
  }
}

/**
 * Saves a ControlNet as diffusers' `ControlNetModel.from_pretrained` reads it: written aside, then renamed.
 * @throws ControlNetError `io` where the disk is full or `folder` holds other things than a model
 */
export async function saveControlNet(
  folder: string,
  params: ControlNetParams,
  config: ControlNetConfig,
  { metadata = {}, dtype = "F32" }: SaveControlNetOptions = {},
): Promise<void> {
  const entries = exportTree(params, controlNetKeyRows(config, "diffusers"), {
    dtype,
    where: "saveControlNet",
  });
  await saveModelFolder(folder, controlNetConfigToDiffusers(config), entries, {
    metadata: metadataEntries(metadata),
  });
}
