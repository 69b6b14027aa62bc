import { batches, type Dataset } from "@controlnet-js/data";
import { holdFolder } from "./run-state.js";
import {
  completeOptions,
  leads,
  type TrainingListener,
  type TrainingOptions,
  type TrainingResult,
} from "./training-options.js";
import { beginRun } from "./training-run.js";
import type { TrainingTask } from "./training-task.js";

/**
 * Trains `task` on `dataset`. N steps, a kill at any point and N more after `resume` give the same bits as 2 N steps
 * on one engine with the same threads. The run takes over the task's parameters; where it throws after it has begun, they are
 * disposed.
 * @throws ControlNetError `state` for a checkpoint of another run, any where nothing is to be resumed, none valid where one
 * is, or another run that is at work in the folder; `io` or `unsupported` for a newest checkpoint that can't be read or is of
 * a later version; `data` for a loss that is no longer a number; `config` for options
 */
export async function runTraining<P, B>(
  task: TrainingTask<P, B>,
  dataset: Dataset,
  given: TrainingOptions,
  listener: TrainingListener = {},
): Promise<TrainingResult<P>> {
  const options = completeOptions(given);
  const { steps, validateEvery, saveEvery, group } = options;
  const release = leads(options) ? await holdFolder(options.folder) : undefined;
  try {
    const run = await beginRun(task, dataset, options, listener);
    const samples = batches(dataset, {
      batchSize: options.batchSize,
      seed: options.seed,
      cursor: run.progress.cursor,
      maxSkipped: options.maxSkipped,
      ...(group && { share: { index: group.rank, of: group.size } }),
      ...(listener.skipped && { onSkip: (sample) => listener.skipped?.(sample) }),
    });
    try {
      run.announce();
      let reached = run.isReached();
      // Before the first step, and after one that was saved while its validation was aborted.
      if (run.isDue(validateEvery) && !run.isValidated()) reached = await run.validate();
      while (!reached && run.step < steps) {
        if (await run.isAborted()) return await run.end("aborted");
        await run.train(samples);
        const isLast = run.step === steps && validateEvery > 0;
        if (run.isDue(validateEvery) || isLast) reached = await run.validate();
        if (run.isDue(saveEvery)) await run.save();
      }
      return await run.end(reached ? "done" : "finished");
    } catch (error) {
      run.abandon();
      throw error;
    } finally {
      await samples.return();
    }
  } finally {
    await release?.();
  }
}
