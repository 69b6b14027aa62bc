import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { checkpointSteps } from "@controlnet-js/training";
import { replaceFile } from "./files/replace-file.js";

/** In a folder that `controlnet quickstart` has filled. */
const mark = ".controlnet-quickstart";

/** What `controlnet quickstart` writes beside the model. */
export const sheetFile = "contact-sheet.png";
export const chartFile = "chart.svg";
export const reportFile = "report.txt";

const isOwn = (folder: string): boolean => existsSync(join(folder, mark));

/** Says in a folder that begins to be filled whether it is quickstart's: what `controlnet train` does there is the user's. */
export function markRun(folder: string, quickstart: boolean): void {
  if (!quickstart) {
    rmSync(join(folder, mark), { force: true });
    return;
  }
  mkdirSync(folder, { recursive: true });
  replaceFile(
    join(folder, mark),
    "Made by controlnet quickstart, which overwrites this folder when it runs again.\n",
  );
}

/**
 * Checks, before anything is computed, that quickstart overwrites nothing but what it has made itself.
 * @returns whether the run's folder holds an earlier run of its own
 * @throws ControlNetError `state` naming what is in the way
 */
export async function assertOwnFolders(output: string, out: string): Promise<boolean> {
  const refuse = (what: string, otherwise: string): never => {
    throw new ControlNetError(
      "state",
      `controlnet quickstart: ${what}, which quickstart did not make and so does not overwrite; ${otherwise}, or move it away`,
    );
  };
  const [newest] = isOwn(output) ? [] : await checkpointSteps(join(output, "checkpoints"));
  if (newest !== undefined)
    refuse(
      `${output} holds the checkpoints of a run, the newest of step ${newest}`,
      "give --set output=FOLDER",
    );
  const files = isOwn(out) ? [] : [sheetFile, chartFile, reportFile, "controlnet"];
  const present = files.find((name) => existsSync(join(out, name)));
  if (present) refuse(`${out} holds ${present}`, "give --out FOLDER");
  return isOwn(output);
}
