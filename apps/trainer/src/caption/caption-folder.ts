import { join, sep } from "node:path";
import { ControlNetError, type Image, isControlNetError } from "@controlnet-js/core";
import { listFiles } from "@controlnet-js/core/node";
import { isPictureName, readImage } from "@controlnet-js/preprocessors/node";
import { createProgressBar } from "../progress-bar.js";
import type { CaptionStore } from "./caption-store.js";

/** What came of a picture. */
export type CaptionReport = { file: string; text: string } | { file: string; error: string };

/** How a folder is captioned. */
export interface CaptionFolderRequest {
  dir: string;
  store: CaptionStore;
  caption(picture: Image): Promise<string>;
  /** Keeps captions that are there. */
  resume: boolean;
  /** Called for each picture as it is done. */
  onReport?(report: CaptionReport): void;
}

/** What came of a folder. */
export interface CaptionFolderSummary {
  done: number;
  /** Pictures that had a caption. */
  kept: number;
  /** Pictures without a caption, with the reason. */
  failed: { file: string; error: string }[];
}

/**
 * Captions the PNG, JPEG and WebP files of a folder and its subfolders, hidden ones left out, in the order of their names.
 * Pictures that fail are listed, the others go on.
 * @throws ControlNetError `config` where there are captions and they are not to be kept, `io` for the folder or a full disk
 */
export async function captionFolder(request: CaptionFolderRequest): Promise<CaptionFolderSummary> {
  const { dir, store, resume, onReport } = request;
  const names = await pictureNames(dir);
  const { jobs, clashes } = planJobs(request, names);
  const captioned = jobs.filter((name) => store.has(name));
  if (captioned.length > 0 && !resume)
    throw new ControlNetError(
      "config",
      `controlnet caption: ${store.place} holds a caption of ${captioned[0]} (${captioned.length} in all); --resume keeps what is there and goes on`,
    );
  const summary: CaptionFolderSummary = { done: 0, kept: captioned.length, failed: clashes };
  for (const clash of clashes) onReport?.(clash);
  const kept = new Set(captioned);
  const open = jobs.filter((name) => !kept.has(name));
  const bar = createProgressBar();
  try {
    for (const [i, name] of open.entries()) {
      const report = await captionPicture(request, name);
      if ("error" in report) summary.failed.push(report);
      else summary.done++;
      onReport?.(report);
      bar.update(names.length - open.length + i + 1, names.length, `${summary.failed.length} failed`);
    }
  } finally {
    bar.end();
  }
  return summary;
}

/** The pictures to caption, and those whose captions would stand where another's does. */
function planJobs({ dir, store }: CaptionFolderRequest, names: readonly string[]) {
  const owners = new Map<string, string>();
  const clashes: { file: string; error: string }[] = [];
  const jobs = names.filter((name) => {
    const slot = store.slotOf(name);
    const owner = owners.get(slot);
    const file = join(dir, name);
    if (owner !== undefined)
      clashes.push({ file, error: `${file}: ${slot} is the caption of ${owner}; rename one` });
    else owners.set(slot, name);
    return owner === undefined;
  });
  return { jobs, clashes };
}

async function captionPicture(
  { dir, store, caption }: CaptionFolderRequest,
  name: string,
): Promise<CaptionReport> {
  const file = join(dir, name);
  let text: string;
  try {
    text = (await caption(await readImage(file))).trim();
    if (text === "") throw new ControlNetError("data", "the caption is empty");
  } catch (error) {
    if (!isControlNetError(error)) throw error;
    const { message } = error;
    return { file, error: message.includes(file) ? message : `${file}: ${message}` };
  }
  await store.write(name, text);
  return { file, text };
}

/** Pictures of a folder, as paths in it with slashes, in the order in which a dataset of the folder has them. */
async function pictureNames(dir: string): Promise<string[]> {
  const names = await listFiles(dir).catch((cause: Error) => {
    throw new ControlNetError("io", `controlnet caption: can't list ${dir}: ${cause.message}`, { cause });
  });
  return names
    .map((name) => name.replaceAll(sep, "/"))
    .filter(isPictureName)
    .sort();
}
