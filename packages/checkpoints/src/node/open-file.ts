import { closeSync, readSync } from "node:fs";
import * as zlib from "node:zlib";
import { ControlNetError } from "@controlnet-js/core";
import type { RandomAccess } from "../random-access.js";
import { openRegularFile } from "./read-file.js";

/** A file open for reads at given positions, each into fresh memory. */
export interface OpenFile extends RandomAccess {
  close(): void;
}

/** Native in Node 20.15 and later. */
const { crc32 } = zlib as { crc32?: RandomAccess["crc32"] };

/** At most this many bytes are asked of the system at once. */
const chunk = 2 ** 30;

/**
 * Opens a file for positional reads.
 * @throws ControlNetError `io` where it can't be opened or read, or is no regular file
 */
export function openFile(path: string): OpenFile {
  const failed = (cause: unknown): never => {
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  };
  const opened = openRegularFile(path);
  const { size } = opened;
  let fd: number | undefined = opened.fd;
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
  return { size, read, close, ...(crc32 && { crc32 }) };
}
