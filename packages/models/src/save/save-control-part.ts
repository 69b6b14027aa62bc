import { extname } from "node:path";
import type { NamedTensor } from "@controlnet-js/checkpoints";
import { saveModelFolder } from "@controlnet-js/checkpoints/node";
import { type ControlNetConfig, controlNetConfigToDiffusers } from "@controlnet-js/controlnet";
import { assertOutput } from "../convert/convert-model.js";
import { inHalf } from "../convert/half-tensors.js";
import { saveLdm } from "./save-ldm.js";

/** The form that a ControlNet is written in, by the name of the output: a `.safetensors` file or a folder. */
export function controlForm(output: string): "diffusers" | "ldm" {
  const form = extname(output) === ".safetensors" ? "ldm" : "diffusers";
  assertOutput(output, form);
  return form;
}

/**
 * Saves a ControlNet: bare names of the original code in a `.safetensors` file, else a folder as diffusers reads it.
 * @throws ControlNetError `io`
 */
export async function saveControlPart(
  output: string,
  config: ControlNetConfig,
  tensors: readonly NamedTensor[],
  { metadata, half }: { metadata: Record<string, string>; half: boolean },
): Promise<void> {
  const entries = half ? tensors.map(inHalf) : [...tensors];
  const json = controlNetConfigToDiffusers(config);
  if (controlForm(output) === "diffusers") return saveModelFolder(output, json, entries, { metadata });
  const part = { part: "controlnet", keys: "ldm", entries, json, told: true } as const;
  await saveLdm(output, [part], { whole: false, metadata });
}
