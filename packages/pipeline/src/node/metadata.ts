import { type ModelMetadata, readModelMetadata, writeModelMetadata } from "@controlnet-js/checkpoints";

/** The entry of a safetensors header that holds this project's metadata. */
const entry = "controlnet-js";

/** The metadata that was saved with a file; empty where there is none. */
export function readMetadata(header: Readonly<Record<string, string>>): Record<string, unknown> {
  const text = header[entry];
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

/** Metadata as the free text entries of a safetensors header; nothing where it is empty. */
export const metadataEntries = (metadata: Record<string, unknown>): Record<string, string> =>
  Object.keys(metadata).length > 0 ? { [entry]: JSON.stringify(metadata) } : {};

/** A base model as a ControlNet names it. */
export type NamedBase = NonNullable<ModelMetadata["base"]>;

/** Whether metadata name a base model by the hash of its U-Net. */
export const isNamedBase = (base: unknown): base is NamedBase =>
  typeof base === "object" && base !== null && typeof (base as { hash?: unknown }).hash === "string";

/**
 * The base model that a header names by its hash: as training saves it, or as the model tools do.
 * @throws ControlNetError `format` where an entry of ours is damaged
 */
export function readBase(header: Record<string, string>, where: string): NamedBase | undefined {
  const { base } = readMetadata(header);
  return isNamedBase(base) ? base : readModelMetadata(header, where).base;
}

/** A header that names another base model than before; what else it says stays. */
export function withBase(header: Record<string, string>, base: NamedBase): Record<string, string> {
  const { [entry]: _, ...others } = header;
  const { base: __, ...metadata } = readMetadata(header);
  return { ...others, ...metadataEntries(metadata), ...writeModelMetadata({ base }) };
}
