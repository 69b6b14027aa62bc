import { ControlNetError } from "@controlnet-js/core";

/** What our files say about themselves, in the free text entries of a safetensors file. */
export interface ModelMetadata {
  /** The definition of the condition that a ControlNet was trained on. */
  condition?: Record<string, unknown>;
  /** The base model that a ControlNet was trained with: the hash of its U-Net, and a name for people. */
  base?: { hash: string; name?: string };
  /** The noise schedule of the training, as in `scheduler_config.json`. */
  scheduler?: Record<string, unknown>;
  /** Steps of the optimiser so far. */
  step?: number;
}

const prefix = "controlnet-js.";
const keys = ["condition", "base", "scheduler", "step"] as const;

/** The entries to save with a model; see {@link readModelMetadata}. */
export function writeModelMetadata(model: ModelMetadata): Record<string, string> {
  const entries = keys.flatMap((key) =>
    model[key] === undefined ? [] : [[prefix + key, JSON.stringify(model[key])]],
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/**
 * What a file's entries say; nothing for files of others.
 * @throws ControlNetError `format` where an entry of ours is damaged
 */
export function readModelMetadata(
  metadata: Record<string, string>,
  where = "readModelMetadata",
): ModelMetadata {
  const model: Record<string, unknown> = {};
  for (const key of keys) {
    const text = metadata[prefix + key];
    if (text === undefined) continue;
    const value = parsed(text);
    const sound =
      key === "step"
        ? Number.isSafeInteger(value) && (value as number) >= 0
        : isObject(value) && (key !== "base" || typeof value.hash === "string");
    if (!sound)
      throw new ControlNetError(
        "format",
        `${where}: the metadata "${prefix + key}" is damaged: ${text.slice(0, 80)}`,
      );
    model[key] = value;
  }
  return model as ModelMetadata;
}

/** The entry that holds what a program keeps with a model besides, as one JSON object. */
const freeEntry = "controlnet-js";

/** Anything kept with a model, as free text entries of a safetensors header; nothing where it is empty. */
export const metadataEntries = (metadata: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.keys(metadata).length > 0 ? { [freeEntry]: JSON.stringify(metadata) } : {};

/** What {@link metadataEntries} kept with a file; empty where there is nothing, or nothing sound. */
export function readMetadata(header: Readonly<Record<string, string>>): Record<string, unknown> {
  const text = header[freeEntry];
  const value = text === undefined ? undefined : parsed(text);
  return isObject(value) ? value : {};
}

/** A header without what {@link metadataEntries} kept. */
export function withoutMetadata(header: Readonly<Record<string, string>>): Record<string, string> {
  const { [freeEntry]: _, ...others } = header;
  return others;
}

/** A warning where a ControlNet says that it was trained with another base model; undefined where all is well. */
export function otherBaseWarning(baseHash: string, { base }: ModelMetadata): string | undefined {
  if (!base || base.hash === baseHash) return undefined;
  const name = base.name ? `"${base.name}" (${base.hash.slice(0, 12)})` : base.hash.slice(0, 12);
  return `the ControlNet was trained with base model ${name}, not with this one (${baseHash.slice(0, 12)}); control may be weaker`;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
