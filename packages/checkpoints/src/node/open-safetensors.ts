import { headerLength, parseHeader } from "../safetensors/header.js";
import { sourceOfHeader } from "../safetensors/parse-safetensors.js";
import type { TensorSource } from "../tensor-source.js";
import { openFile } from "./open-file.js";

/** A source that holds files open until it is closed. */
export interface OpenSource extends TensorSource {
  /** Closes the files. Bytes already read stay valid. */
  close(): void;
}

/**
 * Opens a safetensors file. Only the header is read now; each tensor's bytes are read when asked for.
 * @throws ControlNetError `io` where the file can't be read, `format` where it is damaged or cut short
 */
export function openSafetensors(path: string): OpenSource {
  const file = openFile(path);
  try {
    const length = headerLength(file.read(0, Math.min(8, file.size)), file.size, path);
    const header = parseHeader(file.read(8, 8 + length), file.size, path);
    const source = sourceOfHeader(header, file.read, path, path);
    return { ...source, close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}
