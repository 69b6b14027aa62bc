import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";

/**
 * Writes a folder beside `folder` by `write`, then renames it into place; a failure leaves what was there.
 * @param parts the only names that a folder to be replaced may hold
 * @throws ControlNetError `io`
 */
export async function replaceFolder(
  folder: string,
  parts: readonly string[],
  write: (aside: string) => Promise<void>,
): Promise<void> {
  const target = resolve(folder);
  const beside = (what: string) => join(dirname(target), `.${basename(target)}.${what}-${randomUUID()}`);
  const aside = beside("partial");
  const old = beside("old");
  let replaces = false;
  try {
    replaces = await holdsOnly(target, parts);
    await mkdir(aside, { recursive: true });
    await write(aside);
    if (replaces) await rename(target, old);
    try {
      await rename(aside, target);
    } catch (error) {
      if (replaces) await rename(old, target);
      throw error;
    }
  } catch (cause) {
    await rm(aside, { recursive: true, force: true });
    if (isControlNetError(cause)) throw cause;
    throw new ControlNetError(
      "io",
      `can't save ${folder}: ${(cause as Error).message}; what was there is unchanged`,
      {
        cause,
      },
    );
  }
  if (replaces) await rm(old, { recursive: true, force: true });
}

async function holdsOnly(folder: string, parts: readonly string[]): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const other = names.find((name) => !parts.includes(name));
  if (other !== undefined)
    throw new ControlNetError(
      "io",
      `${folder} holds "${other}", which is no part of a pipeline; choose another folder`,
    );
  return true;
}
