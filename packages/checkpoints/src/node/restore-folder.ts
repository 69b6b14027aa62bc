import { lstatSync, readdirSync, renameSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** The names beside `target` under which a process that was killed while replacing it left what was there before. */
export function leftBeside(target: string): string[] {
  const start = `.${basename(target)}.old-`;
  try {
    return readdirSync(dirname(target)).filter((name) => name.startsWith(start));
  } catch {
    return [];
  }
}

/** Whether there is anything; what can't be looked at is left to its reader. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/**
 * Puts back a folder that `replaceFolder` had moved aside when its process was killed, and so for the folders above it.
 * Whoever opens a folder calls it first; a path that is there costs one look.
 */
export function restoreFolder(path: string): void {
  const target = resolve(path);
  const above = dirname(target);
  if (above === target || isThere(target)) return;
  restoreFolder(above);
  const movedAt = (name: string) => lstatSync(join(above, name), { throwIfNoEntry: false })?.ctimeMs ?? 0;
  const [newest] = leftBeside(target).sort((a, b) => movedAt(b) - movedAt(a));
  if (newest === undefined) return;
  try {
    renameSync(join(above, newest), target);
  } catch {
    // Another process was faster, or the disk is read-only: then the path is missing, which its reader says.
  }
}
