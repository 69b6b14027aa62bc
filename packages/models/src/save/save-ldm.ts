import type { ModelPart } from "@controlnet-js/checkpoints";
import { saveSafetensors } from "@controlnet-js/checkpoints/node";
import { type ConfigJson, configsEntry } from "../open/open-model.js";
import type { ConvertedPart, PartKeys } from "../open/part-model.js";

/** What the original code has before a part's names in a whole file. */
function ldmPrefix(part: ModelPart, keys: PartKeys): string {
  switch (part) {
    case "unet":
      return "model.diffusion_model.";
    case "controlnet":
      return "control_model.";
    case "autoencoder":
      return "first_stage_model.";
    case "text-encoder":
      return keys === "openclip" ? "cond_stage_model.model." : "cond_stage_model.transformer.";
  }
}

/**
 * Saves parts as one safetensors file in the original code's names. A ControlNet or autoencoder alone has bare names,
 * as such files are published. Configs that were told, and that the form has no place for, go into the header.
 * @throws ControlNetError `io`
 */
export async function saveLdm(
  path: string,
  parts: readonly ConvertedPart[],
  options: { whole: boolean; metadata: Record<string, string>; scheduler?: ConfigJson },
): Promise<void> {
  const { whole, metadata, scheduler } = options;
  const entries = parts.flatMap(({ part, keys, entries }) => {
    const bare = !whole && (part === "controlnet" || part === "autoencoder");
    const prefix = bare ? "" : ldmPrefix(part, keys);
    return entries.map((entry) => ({ ...entry, name: prefix + entry.name }));
  });
  const told = parts.filter((part) => part.told).map(({ part, json }) => [part, json] as const);
  const configs = Object.fromEntries<ConfigJson>(scheduler ? [...told, ["scheduler", scheduler]] : told);
  await saveSafetensors(path, entries, {
    metadata: {
      ...metadata,
      format: "pt",
      ...(Object.keys(configs).length > 0 && { [configsEntry]: JSON.stringify(configs) }),
    },
  });
}
