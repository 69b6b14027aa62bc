import { basename } from "node:path";
import { otherBaseWarning } from "@controlnet-js/checkpoints";
import { hashUNet } from "./hash-unet.js";
import { isNamedBase } from "./metadata.js";
import type { Pipeline } from "./pipeline.js";

/**
 * A warning where a ControlNet's metadata names another base model than the one that it is used with: by the hash of its
 * U-Net, or where it has none by its name. Undefined where all is well or nothing is said.
 * @param name how the base model was asked for: its path
 */
export function baseWarning(
  unet: Pipeline["unet"],
  name: string | undefined,
  { base }: Readonly<Record<string, unknown>>,
): string | undefined {
  if (isNamedBase(base)) return otherBaseWarning(hashUNet(unet), { base });
  if (typeof base !== "string" || name === undefined || basename(base) === basename(name)) return undefined;
  return `the ControlNet was trained with base model "${base}", this one is "${name}"; control may be weaker`;
}
