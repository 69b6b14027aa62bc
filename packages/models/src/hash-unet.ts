import { exportTree } from "@controlnet-js/checkpoints";
import { hashModel } from "@controlnet-js/checkpoints/node";
import { type UNet, unetKeyRows } from "@controlnet-js/unet";

/** Hashing reads every weight from the engine: once for each U-Net, however often a training saves. */
const known = new WeakMap<object, string>();

/**
 * The hash by which a ControlNet names its base model: SHA-256 of the U-Net in diffusers' names and float32, whatever
 * form the file has that it was loaded from. Reads all its weights from the engine, the first time.
 */
export function hashUNet({ params, config }: UNet): string {
  const found = known.get(params);
  if (found !== undefined) return found;
  const hash = hashModel(exportTree(params, unetKeyRows(config, "diffusers"), { where: "hashUNet" }));
  known.set(params, hash);
  return hash;
}
