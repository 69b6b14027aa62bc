import { closeSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";

/** Says whose file it is: two runs may write the same map, and a host knows its own processes only. */
const host = `.controlnet-${encodeURIComponent(hostname()).slice(0, 64)}-`;
let count = 0;

/** A new file's path in a folder, to be written and then renamed. Its name is short, whatever the map's is. */
export const partPath = (folder: string): string => join(folder, `${host}${process.pid}-${count++}.part`);

/** Removes what processes of this host that were killed while writing left in a folder; one that isn't there has nothing. */
export async function removeLeftParts(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    if (!name.startsWith(host) || !name.endsWith(".part")) continue;
    const writer = Number.parseInt(name.slice(host.length), 10);
    if (!isRunning(writer)) await rm(join(folder, name), { force: true });
  }
}

/** Whether there is a process of that number, perhaps another user's. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Writes a file aside and has it placed; where that fails, nothing partial stays. */
function writeAside<T>(path: string, content: string | Uint8Array, place: (part: string) => T): T {
  const part = partPath(dirname(path));
  try {
    writeFileSync(part, content);
    return place(part);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
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
      linkNew(part, path);
      return true;
    } catch (error) {
      rmSync(part, { force: true });
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  });

/** Renames `part` to what is not there; a rename alone would replace it. */
function linkNew(part: string, path: string): void {
  try {
    linkSync(part, path);
    rmSync(part);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!/^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK)$/.test(code ?? "")) throw error;
    // Not every file system has links: there an empty file takes the name first.
    closeSync(openSync(path, "wx"));
    renameSync(part, path);
  }
}
