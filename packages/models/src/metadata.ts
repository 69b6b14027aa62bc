import {
  type ModelMetadata,
  metadataEntries,
  readMetadata,
  readModelMetadata,
  withoutMetadata,
  writeModelMetadata,
} from "@controlnet-js/checkpoints";

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
  const { base: _, ...metadata } = readMetadata(header);
  return { ...withoutMetadata(header), ...metadataEntries(metadata), ...writeModelMetadata({ base }) };
}
