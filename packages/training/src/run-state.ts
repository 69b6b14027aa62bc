import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFolder } from "@controlnet-js/checkpoints/node";

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
      files[name] = await hashFile(join(aside, name));
    }
    const manifest: Manifest = { format: "controlnet-js run state", version: 1, step, files };
    await writeFile(join(aside, manifestName), JSON.stringify(manifest, null, 2));
    await sync(join(aside, manifestName));
  });
  await removeCheckpoints(runFolder, keep, step);
  return target;
}

/**
 * Removes all but the `keep` newest checkpoints up to step `last`, and what a killed process left behind of others.
 * Those after `last` go as well: a run that stands there has passed over them.
 */
export async function removeCheckpoints(runFolder: string, keep: number, last = 0): Promise<void> {
  const steps = await checkpointSteps(runFolder);
  const kept = steps.filter((step) => step <= last).slice(0, keep);
  const old = steps.filter((step) => !kept.includes(step)).map(folderOf);
  const partial = (await namesIn(runFolder)).filter((name) => /^\.step-\d+\.(partial|old)-/.test(name));
  for (const name of [...old, ...partial]) await rm(join(runFolder, name), { recursive: true, force: true });
}

/**
 * The newest valid checkpoint of a run, or undefined where there is none.
 * @param onInvalid told of each newer one that was passed over, and why
 */
export async function findCheckpoint(
  runFolder: string,
  onInvalid: (message: string) => void = () => {},
): Promise<FoundCheckpoint | undefined> {
  for (const step of await checkpointSteps(runFolder)) {
    const folder = join(runFolder, folderOf(step));
    const problem = await problemOf(folder, step);
    if (!problem) return { folder, step };
    onInvalid(`checkpoint ${folder} is not valid and was passed over: ${problem}`);
  }
  return undefined;
}

/** Steps of all checkpoints, the newest first. */
async function checkpointSteps(runFolder: string): Promise<number[]> {
  return (await namesIn(runFolder))
    .flatMap((name) => /^step-(\d{8,})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function problemOf(folder: string, step: number): Promise<string | undefined> {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(join(folder, manifestName), "utf8")) as Manifest;
  } catch (error) {
    return `its manifest can't be read (${(error as Error).message})`;
  }
  if (manifest.format !== "controlnet-js run state" || manifest.version !== 1)
    return "its manifest has another format";
  if (manifest.step !== step) return `its manifest is of step ${manifest.step}`;
  for (const [name, hash] of Object.entries(manifest.files)) {
    const found = await hashFile(join(folder, name)).catch(() => undefined);
    if (found === undefined) return `${name} is missing`;
    if (found !== hash) return `${name} does not have the content that was saved`;
  }
  return undefined;
}

async function listFiles(folder: string, within = ""): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, within), { withFileTypes: true })) {
    const name = within ? `${within}/${entry.name}` : entry.name;
    if (entry.isDirectory()) found.push(...(await listFiles(folder, name)));
    else found.push(name);
  }
  return found.sort();
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
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
