import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { asideOf, saveError, syncFolder } from "./atomic.js";

/** What a folder to be written may replace. */
export interface ReplaceFolderOptions {
  /** Whether a name may stand in a folder that is replaced: never anything that is not ours to remove. */
  isPart(name: string): boolean;
  /** Named in the error about other things: "saveModelFolder", "model". */
  where: string;
  what: string;
}

/**
 * Writes a folder beside `folder` by `write`, then renames it into place; a failure leaves what was there.
 * @throws ControlNetError `io` where `folder` holds other things, or can't be written
 */
export async function replaceFolder(
  folder: string,
  options: ReplaceFolderOptions,
  write: (aside: string) => Promise<void>,
): Promise<void> {
  const target = resolve(folder);
  const aside = asideOf(target);
  const old = asideOf(target, "old");
  try {
    const replaces = await holdsOnlyParts(target, options);
    await mkdir(aside, { recursive: true });
    await write(aside);
    await syncFolder(aside);
    if (replaces) await rename(target, old);
    try {
      await rename(aside, target);
    } catch (error) {
      if (replaces) await rename(old, target);
      throw error;
    }
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw isControlNetError(error) ? error : saveError(target, error);
  }
  await rm(old, { recursive: true, force: true });
  await syncFolder(dirname(target));
}

async function holdsOnlyParts(
  folder: string,
  { isPart, where, what }: ReplaceFolderOptions,
): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const other = names.find((name) => !isPart(name));
  if (other !== undefined)
    throw new ControlNetError(
      "io",
      `${where}: ${folder} holds "${other}", which is no part of a ${what}; choose a new or empty folder`,
    );
  return true;
}
