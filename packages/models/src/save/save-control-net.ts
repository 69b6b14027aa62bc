import { exportTree, type FloatDType, metadataEntries } from "@controlnet-js/checkpoints";
import { saveModelFolder } from "@controlnet-js/checkpoints/node";
import { type ControlNet, controlNetConfigToDiffusers, controlNetKeyRows } from "@controlnet-js/controlnet";
import { type Condition, ControlNetError } from "@controlnet-js/core";
import type { UNet } from "@controlnet-js/unet";
import { hashUNet } from "../hash-unet.js";

/** How to save a ControlNet, and what to keep with it: in the header of the weights file, where every other program skips it. */
export interface SaveControlNetOptions {
  /** The condition that it was trained on: its name, channels, range and options are kept, so that sampling finds it. */
  condition?: Condition;
  /** The condition's options where they were not its defaults. */
  conditionOptions?: Record<string, unknown>;
  /** The base model that it was trained with, such as a pipeline: kept by a hash, so that use with another one is noticed. */
  base?: { unet: UNet; name?: string };
  /** Anything else to keep. */
  metadata?: Record<string, unknown>;
  /** The type to write. Default `F32`. */
  dtype?: FloatDType;
}

/**
 * Saves a ControlNet as diffusers' `ControlNetModel.from_pretrained` reads it: written aside, then renamed. The ControlNet
 * stays the caller's.
 * @throws ControlNetError `config` for a condition whose maps have another number of channels, or options that it hasn't; `io`
 * where the disk is full or `folder` holds other things than a model
 */
export async function saveControlNet(
  folder: string,
  { params, config }: ControlNet,
  { condition, conditionOptions, base, metadata = {}, dtype = "F32" }: SaveControlNetOptions = {},
): Promise<void> {
  if (condition && condition.channels !== config.hintChannels)
    throw new ControlNetError(
      "config",
      `saveControlNet: condition "${condition.name}" makes maps of ${condition.channels} channels, the ControlNet takes ` +
        `${config.hintChannels}: it was made for another one`,
    );
  const kept = {
    ...condition?.metadata(conditionOptions),
    ...(base && { base: { hash: hashUNet(base.unet), ...(base.name !== undefined && { name: base.name }) } }),
    ...metadata,
  };
  const rows = controlNetKeyRows(config, "diffusers");
  const entries = exportTree(params, rows, { dtype, where: "saveControlNet" });
  await saveModelFolder(folder, controlNetConfigToDiffusers(config), entries, {
    metadata: metadataEntries(kept),
  });
}
