import { closeSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { partPath } from "./detect/part-file.js";

/** Writes a file aside and has it placed: whatever happens, nothing partial stays. */
function writeAside<T>(path: string, content: string | Uint8Array, place: (part: string) => T): T {
  const part = partPath(dirname(path));
  try {
    writeFileSync(part, content);
    return place(part);
  } finally {
    rmSync(part, { force: true });
  }
}

/**
 * Writes a small file aside and renames it: where the disk is full or the process killed, what was there is still there,
 * and nothing partial under its name.
 */
export const replaceFile = (path: string, content: string | Uint8Array): void =>
  writeAside(path, content, (part) => renameSync(part, path));

/**
 * Writes a small file that is not there yet, whole or not at all; of several processes one does.
 * @returns false where there is one of that name, which stays as it is
 */
export const writeNewFile = (path: string, content: string | Uint8Array): boolean =>
  writeAside(path, content, (part) => {
    try {
      linkSync(part, path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return false;
      // Not every file system has links: there the name is taken first, and its file replaced.
      if (!/^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK)$/.test(code ?? "")) throw error;
    }
    if (!takeName(path)) return false;
    renameSync(part, path);
    return true;
  });

function takeName(path: string): boolean {
  try {
    closeSync(openSync(path, "wx"));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
