import { join } from "node:path";
import {
  adamW,
  type ProcessGroup,
  runTraining,
  schedules,
  type TrainingOptions,
  type TrainingResult,
} from "@controlnet-js/training";
import { removeLeftParts } from "./files/replace-file.js";
import { print } from "./print.js";
import { createProgressBar, formatDuration } from "./progress-bar.js";
import { RunLog } from "./run-log.js";
import { type ProgressRun, type RunSettings, validationFolder, withProgress } from "./run-progress.js";
import type { TrainConfig } from "./task-schemas.js";

/** How `controlnet train` was called. */
export interface TrainCommand<C extends TrainConfig = TrainConfig> extends RunSettings<C> {
  /** Begins anew where an earlier run has left checkpoints, which is otherwise an error. */
  overwrite?: boolean;
  engine: string;
  signal?: AbortSignal;
  /** The processes that train together. */
  group?: ProcessGroup;
}

/** How a run went. The caller disposes `params`. */
export interface RunOutcome<P> {
  params: P;
  log: RunLog;
  result: Omit<TrainingResult<unknown>, "params">;
  seconds: number;
}

/**
 * Trains with progress on stderr; checkpoints, figures, charts, pictures and the model go to `config.output`. In a group
 * the first process writes and tells all that, the others only what is wrong with them.
 */
export async function runWithProgress<P, B>(
  command: TrainCommand,
  run: ProgressRun<P, B>,
): Promise<RunOutcome<P>> {
  const { config, resume, overwrite = false, signal, group } = command;
  const { output } = config;
  const log = new RunLog(output);
  const began = Date.now();
  const options: TrainingOptions = {
    ...optionsOf(config),
    resume,
    overwrite,
    ...(signal && { signal }),
    ...(group && { group }),
    ...(run.goal && { goal: run.goal }),
  };
  const seconds = () => (Date.now() - began) / 1000;
  if (group && group.rank > 0) {
    const { params, ...result } = await runTraining(run.task, run.data, options, {
      skipped: ({ message }) => print(`skipped: ${message}`),
      warned: (message) => print(`warning: ${message}`),
    });
    return { params, log, result, seconds: seconds() };
  }
  await removeLeftParts(output);
  await removeLeftParts(join(output, validationFolder));
  const bar = createProgressBar();
  const { task, listener } = withProgress(run, command, log, bar);
  try {
    const { params, ...result } = await runTraining(task, run.data, options, listener);
    bar.end();
    const published = join(output, run.published);
    await task.publish(params, published, result.step);
    const ended = result.reason === "aborted" ? "Stopped" : "Trained";
    if (!result.saved)
      print("warning: the last steps are in no checkpoint, only in what is published; they can't be resumed");
    print(`${ended} after ${result.step} steps in ${formatDuration(seconds())}: ${published}`);
    return { params, log, result, seconds: seconds() };
  } finally {
    bar.end();
  }
}

/** What a config's keys of the same names don't say by themselves. */
function optionsOf({
  training,
  validation,
  checkpoints,
  dataOptions,
  output,
}: TrainConfig): Omit<TrainingOptions, "resume"> {
  const { schedule, warmUpSteps, finalFraction, weightDecay, beta2, ...others } = training;
  return {
    ...others,
    folder: join(output, "checkpoints"),
    schedule: schedules[schedule]({ warmUpSteps, finalFraction }),
    optimizer: adamW({ beta2, weightDecay }),
    validateEvery: validation.every,
    saveEvery: checkpoints.every,
    keep: checkpoints.keep,
    maxSkipped: dataOptions.maxSkipped,
  };
}
