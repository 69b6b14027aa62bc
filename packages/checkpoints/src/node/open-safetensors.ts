import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ControlNetError } from "@controlnet-js/core";
import { headerLength, parseHeader } from "../safetensors/header.js";
import { sourceOfHeader } from "../safetensors/parse-safetensors.js";
import type { TensorSource } from "../tensor-source.js";

/** A source that holds files open until it is closed. */
export interface OpenSource extends TensorSource {
  /** Closes the files. Bytes already read stay valid. */
  close(): void;
}

/** A file open for reads at given positions. */
export interface OpenFile {
  size: number;
  /** The bytes from `start` to `end` in fresh memory. */
  read(start: number, end: number): Uint8Array;
  close(): void;
}

/** At most this many bytes are asked of the system at once. */
const chunk = 2 ** 30;

/**
 * Opens a file for positional reads.
 * @throws ControlNetError `io` where it can't be opened or read
 */
export function openFile(path: string): OpenFile {
  const failed = (cause: unknown): never => {
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  };
  let fd: number | undefined;
  let size = 0;
  try {
    fd = openSync(path, "r");
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error("it is not a regular file");
    size = stat.size;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return failed(error);
  }
  const read = (start: number, end: number): Uint8Array => {
    if (fd === undefined) throw new ControlNetError("state", `can't read ${path}: it was closed`);
    const bytes = new Uint8Array(end - start);
    let done = 0;
    try {
      while (done < bytes.byteLength) {
        const got = readSync(fd, bytes, done, Math.min(chunk, bytes.byteLength - done), start + done);
        if (got === 0) throw new Error(`it ends at byte ${start + done}; it was changed while open`);
        done += got;
      }
    } catch (error) {
      failed(error);
    }
    return bytes;
  };
  const close = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return { size, read, close };
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
    const source = sourceOfHeader(header, file.read, path);
    return { ...source, close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}
