import { type FoundPart, withDType } from "@controlnet-js/checkpoints";
import { hashModel } from "@controlnet-js/checkpoints/node";
import { renameTensors } from "../convert/rename-tensors.js";
import type { OpenModel } from "./open-model.js";
import { keysOf, type PartModel, partRows } from "./part-model.js";

/**
 * The hash by which a ControlNet names its base model: SHA-256 of the U-Net in diffusers' names and float32, whatever
 * form and type the file has. Reads all its weights.
 */
export function hashBase(opened: OpenModel, found: FoundPart, model: PartModel): string {
  const keys = keysOf(opened, found);
  const renamed = renameTensors(
    opened.source,
    { rows: partRows(model, keys), prefix: found.prefix },
    { rows: partRows(model, "diffusers"), prefix: "" },
  );
  return hashModel(renamed.map((tensor) => withDType(tensor, "F32")));
}
