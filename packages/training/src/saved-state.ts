import { join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import type { Cursor } from "@controlnet-js/data";
import type { LossScale } from "./loss-scale.js";
import { loadTrees, readTreesMetadata, saveTrees } from "./state-file.js";
import type { TrainState } from "./train-step.js";

/** How far a run has come; plain data. */
export interface Progress {
  /** Steps done. */
  step: number;
  cursor: Cursor;
  /** With float16 only. */
  lossScale?: LossScale;
  /** The newest validation that was due, and how many up to it met the run's goal in a row. */
  validation?: { step: number; met: number };
}

const stateFile = "state.safetensors";

/**
 * Writes what a run goes on from into a checkpoint's folder.
 * @param run what makes two runs the same run: a checkpoint of another one must not be resumed silently
 */
export const writeState = <P>(
  folder: string,
  state: TrainState<P>,
  progress: Progress,
  run: string,
): Promise<void> =>
  saveTrees(join(folder, stateFile), { ...state }, { progress: JSON.stringify(progress), run });

/**
 * Reads what {@link writeState} wrote, of the shapes of `like`. The caller disposes the state.
 * @throws ControlNetError `state` for another run's checkpoint, `format` for another model's
 */
export function readState<P>(
  folder: string,
  like: TrainState<P>,
  run: string,
): { state: TrainState<P>; progress: Progress } {
  const path = join(folder, stateFile);
  const metadata = readTreesMetadata(path);
  if (metadata.run !== run)
    throw new ControlNetError(
      "state",
      `runTraining: ${folder} belongs to another run; expected ${run}, got ${metadata.run}. ` +
        "Give the same data, batch size, seed and average, or another output folder",
    );
  const { trees } = loadTrees(path, { ...like });
  return { state: trees as unknown as TrainState<P>, progress: JSON.parse(metadata.progress!) as Progress };
}
