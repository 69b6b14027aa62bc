import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { listFiles } from "@controlnet-js/core/node";

/** How many pieces of a file are looked at, and the bytes of each. */
const PIECES = 16;
const PIECE = 65536;

/**
 * What tells a network's files from others without reading all of them: a hash of their names and sizes and of sixteen
 * pieces of each, from the first byte to the last. torch's files end with a checksum of every tensor.
 * @param path a file, or a folder with all that is in it
 * @returns 16 hexadecimal digits
 * @throws ControlNetError `io` naming the path
 */
export async function fingerprint(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for (const file of await filesOf(path)) {
      const handle = await openRegular(file);
      try {
        const { size } = await handle.stat();
        hash.update(JSON.stringify([relative(path, file), size]));
        for (const piece of await piecesOf(handle, size)) hash.update(piece);
      } finally {
        await handle.close();
      }
    }
  } catch (cause) {
    throw new ControlNetError("io", `can't read the weights ${path}: ${(cause as Error).message}`, { cause });
  }
  return hash.digest("hex").slice(0, 16);
}

/** Opening a pipe must not wait for its writer; Windows has no such flag. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

async function openRegular(file: string): Promise<FileHandle> {
  if (!(await stat(file)).isFile()) throw new Error(`${file} is not a regular file`);
  return await open(file, flags);
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  // Model folders of the hub are links to files, which count.
  return (await listFiles(path)).map((name) => join(path, name));
}

async function piecesOf(handle: FileHandle, size: number): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  const step = Math.max(PIECE, (size - PIECE) / (PIECES - 1));
  for (let i = 0; i < PIECES && i * step < size; i++) {
    const length = Math.min(PIECE, size - Math.floor(i * step));
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, Math.floor(i * step));
    pieces.push(buffer.subarray(0, bytesRead));
  }
  return pieces;
}
