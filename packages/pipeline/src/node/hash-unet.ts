import { exportTree } from "@controlnet-js/checkpoints";
import { hashModel } from "@controlnet-js/checkpoints/node";
import { type UNet, unetKeyRows } from "@controlnet-js/unet";

/**
 * The hash by which a ControlNet names its base model: SHA-256 of the U-Net in diffusers' names and float32, whatever
 * form the file has that it was loaded from. Reads all its weights from the engine.
 */
export const hashUNet = ({ params, config }: UNet): string =>
  hashModel(exportTree(params, unetKeyRows(config, "diffusers"), { where: "hashUNet" }));
