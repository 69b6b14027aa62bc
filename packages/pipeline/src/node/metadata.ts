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
