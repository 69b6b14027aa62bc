import { exportTree, type FloatDType } from "@controlnet-js/checkpoints";
import { saveModelFolder } from "@controlnet-js/checkpoints/node";
import { type ControlNet, controlNetConfigToDiffusers, controlNetKeyRows } from "@controlnet-js/controlnet";
import { metadataEntries } from "./metadata.js";

/** How to save a ControlNet. */
export interface SaveControlNetOptions {
  /** Kept in the header of the weights file. */
  metadata?: Record<string, unknown>;
  /** The type to write. Default `F32`. */
  dtype?: FloatDType;
}

/**
 * Saves a ControlNet as diffusers' `ControlNetModel.from_pretrained` reads it: written aside, then renamed.
 * @throws ControlNetError `io` where the disk is full or `folder` holds other things than a model
 */
export async function saveControlNet(
  folder: string,
  { params, config }: ControlNet,
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
