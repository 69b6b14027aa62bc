import { createHash, randomUUID } from "node:crypto";
import { closeSync, createReadStream, readFileSync } from "node:fs";
import { mkdir, open, readdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { openRegularFile, replaceFolder, restoreFolder } from "@controlnet-js/checkpoints/node";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { holdLock, listFiles } from "@controlnet-js/core/node";

/** A checkpoint on disk: a folder `step-00001200` with a manifest. */
export interface FoundCheckpoint {
  folder: string;
  step: number;
}

interface Manifest {
  format: "controlnet-js run state";
  version: 1;
  step: number;
  /** SHA-256 of each file beside the manifest. */
  files: Record<string, string>;
}

const manifestName = "manifest.json";
const folderOf = (step: number): string => `step-${String(step).padStart(8, "0")}`;

/**
 * Saves a checkpoint atomically: `write` fills a folder aside, its files are hashed into a manifest and fsynced, then
 * the folder is renamed into place. Killed at any point, it leaves earlier checkpoints as they are.
 * @param keep how many of the newest checkpoints stay; older ones are removed after the new one is in place
 * @returns the new checkpoint's folder
 * @throws ControlNetError `io` where the disk is full or not writable; nothing partial is left behind
 */
export async function saveCheckpoint(
  runFolder: string,
  step: number,
  write: (folder: string) => Promise<void>,
  keep = 2,
): Promise<string> {
  const target = join(runFolder, folderOf(step));
  const checkpoint = { isPart: () => true, where: "saveCheckpoint", what: "checkpoint" };
  await replaceFolder(target, checkpoint, async (aside) => {
    await write(aside);
    const files: Record<string, string> = {};
    for (const name of await listFiles(aside)) {
      await sync(join(aside, name));
      files[name.split(sep).join("/")] = await useFile(join(aside, name), hashOf);
    }
    const manifest: Manifest = { format: "controlnet-js run state", version: 1, step, files };
    await writeFile(join(aside, manifestName), JSON.stringify(manifest, null, 2));
    await sync(join(aside, manifestName));
  });
  // It is saved, whatever becomes of older ones: the next save tries again to remove them.
  await removeCheckpoints(runFolder, Math.max(1, keep), step).catch(() => undefined);
  return target;
}

/**
 * Removes all but the `keep` newest checkpoints up to step `last`, and what a killed process left behind of others. Those
 * after `last` stay, and so does what was set aside.
 */
export async function removeCheckpoints(
  runFolder: string,
  keep: number,
  last = Number.POSITIVE_INFINITY,
): Promise<void> {
  const steps = (await checkpointSteps(runFolder)).filter((step) => step <= last);
  const old = steps.slice(keep).map(folderOf);
  const partial = (await namesIn(runFolder)).filter((name) => /^\.step-\d+\.(partial|old)-/.test(name));
  for (const name of [...old, ...partial]) await rm(join(runFolder, name), { recursive: true, force: true });
}

/**
 * The newest valid checkpoint of a run, or undefined where there is none.
 * @param onInvalid told of each newer one that is damaged and was passed over, and why
 * @throws ControlNetError `io` where a newer one can't be read, `unsupported` where a later version wrote it: neither may be
 * passed over, since it may be whole
 */
export async function findCheckpoint(
  runFolder: string,
  onInvalid: (message: string, folder: string) => void = () => {},
): Promise<FoundCheckpoint | undefined> {
  for (const step of await checkpointSteps(runFolder)) {
    const folder = join(runFolder, folderOf(step));
    const problem = await problemOf(folder, step);
    if (!problem) return { folder, step };
    onInvalid(`checkpoint ${folder} is not valid and was passed over: ${problem}`, folder);
  }
  return undefined;
}

/**
 * Renames a damaged checkpoint, so that it is in nobody's way and nothing of it is lost; returns its new path.
 * @throws ControlNetError `io` where it can't be renamed
 */
export async function setAside(folder: string): Promise<string> {
  const aside = join(dirname(folder), `.invalid-${basename(folder)}-${randomUUID().slice(0, 8)}`);
  await rename(folder, aside).catch((cause: Error) => {
    throw new ControlNetError("io", `can't set ${folder} aside: ${cause.message}; move it away`, { cause });
  });
  return aside;
}

/**
 * Steps of all checkpoints, valid or not, the newest first.
 * @throws ControlNetError `io` where the folder is there and can't be read
 */
export async function checkpointSteps(runFolder: string): Promise<number[]> {
  for (const name of await namesIn(runFolder)) {
    const replaced = /^\.(step-\d{8,})\.old-/.exec(name)?.[1];
    if (replaced) restoreFolder(join(runFolder, replaced));
  }
  return (await namesIn(runFolder))
    .flatMap((name) => /^step-(\d{8,})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw unreadable(folder, "the run's folder", error);
  }
}

const unreadable = (path: string, what: string, cause: unknown): ControlNetError =>
  new ControlNetError(
    "io",
    `can't read ${path}: ${(cause as Error).message}. It may be whole, so nothing is trained without it and nothing was ` +
      `changed: make it readable and try again, or move ${what} away`,
    { cause },
  );

/** Why a checkpoint is damaged, or undefined. */
async function problemOf(folder: string, step: number): Promise<string | undefined> {
  const read = async <T>(name: string, use: (fd: number) => T | Promise<T>): Promise<T | undefined> => {
    const path = join(folder, name);
    try {
      return await useFile(path, use);
    } catch (error) {
      const cause = isControlNetError(error) ? error.cause : error;
      if (isMissing(cause)) return undefined;
      throw unreadable(path, folder, cause);
    }
  };
  const text = await read(manifestName, (fd) => readFileSync(fd, "utf8"));
  if (text === undefined) return "its manifest is missing";
  let manifest: Partial<Manifest>;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    return `its manifest is not JSON (${(error as Error).message})`;
  }
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(manifest) || manifest.format !== "controlnet-js run state")
    return "its manifest has another format";
  const version: unknown = manifest.version;
  if (typeof version === "number" && version > 1)
    throw new ControlNetError(
      "unsupported",
      `${folder} was saved by a later version (run state ${version}; this version reads 1): update, or move it away to go ` +
        "on from an older checkpoint",
    );
  if (version !== 1) return `its manifest is of version ${JSON.stringify(version)}, expected 1`;
  if (manifest.step !== step) return `its manifest is of step ${JSON.stringify(manifest.step)}`;
  if (!isObject(manifest.files)) return "its manifest lists no files";
  for (const [name, hash] of Object.entries(manifest.files!)) {
    if (name.split(/[/\\]/).includes("..")) return `its manifest lists ${name}, which is not in its folder`;
    const found = await read(name, hashOf);
    if (found === undefined) return `${name} is missing`;
    if (found !== hash) return `${name} does not have the content that was saved`;
  }
  return undefined;
}

/** Opens a regular file, and closes it once it was used. */
async function useFile<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  const { fd } = openRegularFile(path);
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

async function hashOf(fd: number): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream("", { fd, autoClose: false })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Brings a file to the disk, whoever wrote it. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Holds a run's folder by a file within it, so that no second run removes its checkpoints, whatever machine it runs on.
 * Where the folder can't be written to, nothing can be lost and nothing is held.
 * @returns what releases the folder
 * @throws ControlNetError `state` where another run holds it, naming the process; `io` where the disk is full
 */
export async function holdFolder(folder: string): Promise<() => Promise<void>> {
  const path = await mkdir(folder, { recursive: true }).then(
    () => realpath(folder),
    () => undefined,
  );
  if (path === undefined) return async () => undefined;
  const held = `runTraining: another run is at work in ${folder}`;
  try {
    const release = await holdLock(join(path, ".lock"), { held, otherwise: "choose another folder" });
    return async () => release();
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (isControlNetError(error) && ["EACCES", "EPERM", "EROFS"].includes(code!))
      return async () => undefined;
    throw error;
  }
}
