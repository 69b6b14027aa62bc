import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { asideOf, saveError, syncFolder } from "./atomic.js";
import { leftBeside, restoreFolder } from "./restore-folder.js";

/** What a folder to be written may replace. */
export interface ReplaceFolderOptions {
  /** Whether a name may stand in a folder that is replaced: never anything that is not ours to remove. */
  isPart(name: string): boolean;
  /** Named in the error about other things: "saveModelFolder", "model". */
  where: string;
  what: string;
}

/**
 * Writes a folder beside `folder` by `write`, then renames it into place; a failure leaves what was there. Killed between
 * the two renames, it leaves what was there aside, where {@link restoreFolder} finds it.
 * @throws ControlNetError `io` where `folder` holds other things, or can't be written
 */
export async function replaceFolder(
  folder: string,
  options: ReplaceFolderOptions,
  write: (aside: string) => Promise<void>,
): Promise<void> {
  const target = resolve(folder);
  const aside = asideOf(target);
  try {
    restoreFolder(target);
    await assertOnlyParts(target, options);
    await mkdir(aside, { recursive: true });
    await write(aside);
    await syncFolder(aside);
    await exchange(aside, target, options);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw isControlNetError(error) ? error : saveError(target, error);
  }
  for (const name of leftBeside(target).filter((left) => ours.test(left)))
    await rm(join(dirname(target), name), { recursive: true, force: true });
  await syncFolder(dirname(target));
}

/** The end of names by {@link asideOf}. */
const ours = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Renames `aside` to `target`. Between the two renames a reader may find `target` missing and put it back: then once more. */
async function exchange(aside: string, target: string, options: ReplaceFolderOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const old = asideOf(target, "old");
    await assertOnlyParts(target, options);
    const replaces = await renameThere(target, old);
    try {
      await rename(aside, target);
      return;
    } catch (error) {
      if (replaces) await renameThere(old, target);
      const isTaken = /^(ENOTEMPTY|EEXIST)$/.test((error as NodeJS.ErrnoException).code ?? "");
      if (!isTaken || attempt === 9) throw error;
    }
  }
}

/** Renames what is there; false where nothing is. */
const renameThere = (from: string, to: string): Promise<boolean> =>
  rename(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );

async function assertOnlyParts(folder: string, { isPart, where, what }: ReplaceFolderOptions): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const other = names.find((name) => !isPart(name));
  if (other !== undefined)
    throw new ControlNetError(
      "io",
      `${where}: ${folder} holds "${other}", which is no part of a ${what}; choose a new or empty folder`,
    );
}
