import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
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
    // Workers without a network of their own start sooner without the readers of weights.
    const { openRegularFile } = await import("@controlnet-js/checkpoints/node");
    for (const file of await filesOf(path)) {
      const { fd, size } = openRegularFile(file);
      try {
        hash.update(JSON.stringify([relative(path, file), size]));
        for (const piece of piecesOf(fd, size)) hash.update(piece);
      } finally {
        closeSync(fd);
      }
    }
  } catch (cause) {
    if (isControlNetError(cause)) throw cause;
    throw new ControlNetError("io", `can't read the weights ${path}: ${(cause as Error).message}`, { cause });
  }
  return hash.digest("hex").slice(0, 16);
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  // Model folders of the hub are links to files, which count.
  return (await listFiles(path)).map((name) => join(path, name));
}

function* piecesOf(fd: number, size: number): Generator<Buffer> {
  const step = Math.max(PIECE, (size - PIECE) / (PIECES - 1));
  for (let i = 0; i < PIECES && i * step < size; i++) {
    const at = Math.floor(i * step);
    const buffer = Buffer.alloc(Math.min(PIECE, size - at));
    yield buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, at));
  }
}
