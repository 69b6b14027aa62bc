import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { partPath } from "./detect/part-file.js";

/**
 * Writes a small file aside and renames it: where the disk is full or the process killed, what was there is still there,
 * and nothing partial under its name.
 */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const part = partPath(dirname(path));
  try {
    writeFileSync(part, content);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
