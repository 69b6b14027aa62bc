import { realpath } from "node:fs/promises";
import { dirname, join, parse, relative, resolve, sep } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { listFiles } from "@controlnet-js/core/node";
import { isPictureName } from "@controlnet-js/preprocessors/node";
import type { DetectorName } from "../conditions/detector.js";
import { makeFolder } from "../files/make-folder.js";
import { removeLeftParts } from "../files/replace-file.js";
import { createProgressBar } from "../progress-bar.js";
import type { DetectJob, DetectReport } from "./detect-picture.js";
import { runDetectJobs } from "./detect-workers.js";

/** How a folder is detected. */
export interface DetectFolderRequest {
  dir: string;
  outDir: string;
  detector: DetectorName;
  /** Processes; 0 works in this one. */
  workers: number;
  resume: boolean;
  /** Called for each picture as it is done, in no particular order. */
  onReport?: (result: DetectReport | { file: string; error: string }) => void;
}

/** What came of a folder. */
export interface DetectFolderSummary {
  done: number;
  /** Maps that were there already. */
  kept: number;
  /** Pictures without a map, with the reason, in the folder's order. */
  failed: { file: string; error: string }[];
  /** Maps that something was noticed about. */
  warned: number;
  /** Pictures of formats that are not read, by their names, in the folder's order. */
  leftOut: string[];
}

/**
 * Makes the maps of all PNG, JPEG and WebP files of a folder and its subfolders, as PNG files of the same names in
 * `outDir`. Pictures that fail are listed, the others go on.
 * @throws ControlNetError `config` where both folders are the same, `io` where one can't be read or made
 */
export async function detectFolder(request: DetectFolderRequest): Promise<DetectFolderSummary> {
  const { workers, onReport } = request;
  const { jobs, clashes, leftOut } = await planJobs(request);
  for (const folder of new Set(jobs.map(({ out }) => dirname(out)))) await removeLeftParts(folder);
  const summary: DetectFolderSummary = { done: 0, kept: 0, failed: [], warned: 0, leftOut };
  const bar = createProgressBar();
  const began = Date.now();
  let ended = 0;
  const fail = (file: string, error: string) => {
    summary.failed.push({ file, error });
    onReport?.({ file, error });
  };
  try {
    for (const { file, error } of clashes) fail(file, error);
    await runDetectJobs(jobs, workers, ({ file }, outcome) => {
      ended++;
      if (outcome.kind === "kept") summary.kept++;
      else if (outcome.kind === "failed") fail(file, outcome.message);
      else {
        summary.done++;
        onReport?.(outcome.report);
        const { warnings } = outcome.report;
        if (warnings.length > 0) summary.warned++;
        for (const warning of warnings) bar.print(`warning: ${file}: ${warning}`);
      }
      const rate = ((summary.done * 1000) / (Date.now() - began || 1)).toFixed(1);
      bar.update(ended, jobs.length, `${rate} pictures/s · ${summary.failed.length} failed`);
    });
  } finally {
    bar.end();
  }
  const order = new Map(jobs.map(({ file }, i) => [file, i]));
  summary.failed.sort((a, b) => (order.get(a.file) ?? -1) - (order.get(b.file) ?? -1));
  return summary;
}

async function planJobs({ dir, outDir, detector, resume }: DetectFolderRequest) {
  const from = resolve(dir);
  const jobs: DetectJob[] = [];
  const clashes: { file: string; error: string }[] = [];
  const sources = new Map<string, string>();
  let leftOut: string[];
  try {
    const { files, others } = await pictureFiles(from);
    leftOut = others;
    await makeFolder(resolve(outDir));
    // Links and other spellings may hide that one folder is the other, or lies in it.
    const [realFrom, to] = await Promise.all([realpath(from), realpath(outDir)]);
    if (realFrom === to)
      throw new ControlNetError(
        "config",
        `controlnet detect: --out-dir ${outDir} would overwrite its pictures`,
      );
    const isInside = to.startsWith(realFrom + sep);
    const place = (file: string) => relative(from, file);
    const pictures = new Set(isInside ? [] : files.map((file) => join(realFrom, place(file))));
    for (const file of files) {
      // Maps of an earlier run.
      if (isInside && join(realFrom, place(file)).startsWith(to + sep)) continue;
      const { dir: folder, name } = parse(place(file));
      const map = join(folder, `${name}.png`);
      const out = join(to, map);
      const other = sources.get(map);
      const victim = other ? `that of ${other}` : pictures.has(out) ? `the picture ${out}` : undefined;
      if (victim) clashes.push({ file, error: `${file}: its map would overwrite ${victim}; rename one` });
      else jobs.push({ file, out: join(resolve(outDir), map), detector, resume });
      sources.set(map, other ?? file);
    }
  } catch (cause) {
    if (cause instanceof ControlNetError) throw cause;
    throw new ControlNetError("io", `controlnet detect: ${(cause as Error).message}`, { cause });
  }
  return { jobs, clashes, leftOut };
}

/** Pictures that someone would miss a map of; any other file may lie beside pictures, such as captions. */
const isOtherFormat = (name: string) => /\.(jfif|gif|bmp|tiff?|avif|hei[cf]|jxl|jp2|tga|psd)$/i.test(name);

/** The pictures in a folder and its subfolders, sorted, and those of other formats. */
async function pictureFiles(from: string): Promise<{ files: string[]; others: string[] }> {
  // What is no file is named when it is read, as other pictures that can't be.
  const unreadable: string[] = [];
  const names = await listFiles(from, { onSkip: (path) => unreadable.push(path) });
  const all = [...names, ...unreadable].sort();
  const chosen = (isChosen: (name: string) => boolean) =>
    all.filter(isChosen).map((path) => join(from, path));
  return { files: chosen(isPictureName), others: chosen(isOtherFormat) };
}
