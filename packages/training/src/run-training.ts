import { join } from "node:path";
import { ControlNetError, compiles, disposeTree, type Precision } from "@controlnet-js/core";
import { type Batch, batches, type Cursor, type Dataset, type SkippedSample } from "@controlnet-js/data";
import { type LearningRate, learningRateAt } from "./learning-rate.js";
import { initialLossScale, type LossScale, nextLossScale } from "./loss-scale.js";
import { findCheckpoint, saveCheckpoint } from "./run-state.js";
import { loadTrees, saveTrees } from "./state-file.js";
import {
  createTrainState,
  createTrainStep,
  type OptimizerSettings,
  type StepReport,
  type TrainState,
} from "./train-step.js";
import type { TrainingTask, ValidationReport } from "./training-task.js";

/** How a training runs. */
export interface TrainingOptions {
  /** Where checkpoints go. */
  folder: string;
  steps: number;
  batchSize: number;
  /** Batches whose gradients are averaged into one step. */
  accumulate: number;
  /** Of shuffling and of every draw. */
  seed: number;
  learningRate: LearningRate;
  optimizer: OptimizerSettings;
  /** Arithmetic of the heavy ops; float16 scales the loss, and leaves out steps whose gradients overflow. */
  precision: Precision;
  /** Validate after every so many steps, and before the first; 0 never. */
  validateEvery: number;
  /** Save after every so many steps and at the end; 0 only at the end. */
  saveEvery: number;
  /** How many checkpoints stay. */
  keep: number;
  maxSkipped: number;
  /** Go on from the newest valid checkpoint in `folder`. */
  resume: boolean;
  /** Aborting saves a checkpoint and ends the run. */
  signal?: AbortSignal;
  /** Ends the run early, saved, once true after a validation. */
  isDone?: (validation: ValidationReport, step: number) => boolean;
}

/** What a run tells while it goes on; each may be absent. */
export interface TrainingListener {
  started?(info: { step: number; steps: number; resumedFrom?: string }): void;
  stepped?(info: StepReport & { step: number; steps: number; rate: number; seconds: number }): void;
  validated?(report: ValidationReport, step: number): void | Promise<void>;
  saved?(folder: string, step: number): void;
  skipped?(sample: SkippedSample): void;
  /** Something a user should know, such as a checkpoint that could not be saved. */
  warned?(message: string): void;
}

/** How a run ended. */
export interface TrainingResult<P> {
  /** The trained parameters, the average (EMA) where one is kept; the caller disposes them. */
  params: P;
  /** Steps done in all, earlier runs' included. */
  step: number;
  reason: "finished" | "done" | "aborted";
  /** The newest checkpoint. */
  checkpoint?: string;
}

interface Progress {
  step: number;
  cursor: Cursor;
  /** With float16 only. */
  lossScale?: LossScale;
}

/**
 * Trains `task` on `dataset`. N steps, a kill at any point and N more after `resume` give the same bits as 2 N steps
 * on one engine with the same threads.
 * @throws ControlNetError `state` for a checkpoint of another run, `data` for a loss that is no longer a number
 */
export async function runTraining<P, B>(
  task: TrainingTask<P, B>,
  dataset: Dataset,
  options: TrainingOptions,
  listener: TrainingListener = {},
): Promise<TrainingResult<P>> {
  const { steps, signal } = options;
  const trainStep = createTrainStep<P, B>((params, batch) => task.loss(params, batch), options.optimizer, {
    name: task.name,
    precision: options.precision,
  });
  let state = createTrainState(task.params, options.optimizer);
  let progress: Progress = {
    step: 0,
    cursor: { epoch: 0, position: 0 },
    ...(options.precision === "float16" && { lossScale: initialLossScale }),
  };
  let checkpoint: string | undefined;
  if (options.resume) {
    const found = await findCheckpoint(options.folder, (message) => listener.warned?.(message));
    if (found) {
      const loaded = loadState(found.folder, state, runOf(task, dataset, options));
      disposeTree(state);
      ({ state, progress } = loaded);
      checkpoint = found.folder;
    }
  }
  if (options.precision !== "float32" && !compiles())
    listener.warned?.(`precision ${options.precision} needs the native engine; this run computes in float32`);
  listener.started?.({ step: progress.step, steps, ...(checkpoint && { resumedFrom: checkpoint }) });

  const averaged = () => state.ema ?? state.params;
  const validate = async (): Promise<boolean> => {
    if (!task.validate) return false;
    const report = await task.validate(averaged(), progress.step);
    await listener.validated?.(report, progress.step);
    return options.isDone?.(report, progress.step) ?? false;
  };
  const save = async () => {
    try {
      checkpoint = await saveCheckpoint(
        options.folder,
        progress.step,
        (folder) => writeState(task, folder, state, averaged(), progress, runOf(task, dataset, options)),
        options.keep,
      );
      listener.saved?.(checkpoint, progress.step);
    } catch (error) {
      if (!checkpoint && progress.step >= steps) throw error;
      listener.warned?.(
        `${(error as Error).message}; the run goes on, the last good checkpoint is ${checkpoint ?? "none"}`,
      );
    }
  };

  const source = batches(dataset, {
    batchSize: options.batchSize,
    seed: options.seed,
    cursor: progress.cursor,
    maxSkipped: options.maxSkipped,
    ...(listener.skipped && { onSkip: (sample) => listener.skipped?.(sample) }),
  });
  const due = (every: number) => every > 0 && progress.step % every === 0;
  let reason: TrainingResult<P>["reason"] = "finished";
  let savedAt = checkpoint ? progress.step : -1;
  try {
    if (options.validateEvery > 0 && progress.step === 0) await validate();
    while (progress.step < steps) {
      if (signal?.aborted) {
        reason = "aborted";
        break;
      }
      const began = performance.now();
      const taken: Batch[] = [];
      for (let i = 0; i < options.accumulate; i++) taken.push((await source.next()).value as Batch);
      const prepared: B[] = [];
      for (const { samples, sampleIndices } of taken) prepared.push(await task.batch(samples, sampleIndices));
      const rate = learningRateAt(options.learningRate, progress.step, steps);
      const { lossScale } = progress;
      const updates = progress.step - (lossScale?.skipped ?? 0);
      const result = await trainStep.run(state, prepared, updates, rate, lossScale?.scale);
      state = result.state;
      progress = { step: progress.step + 1, cursor: taken[taken.length - 1]!.cursor };
      const next = lossScale && nextLossScale(lossScale, result.report.skipped);
      if (next) progress.lossScale = next;
      else assertFinite(task.name, result.report, progress.step);
      listener.stepped?.({
        ...result.report,
        step: progress.step,
        steps,
        rate,
        seconds: (performance.now() - began) / 1000,
      });
      const last = progress.step === steps;
      const done = options.validateEvery > 0 && (due(options.validateEvery) || last) && (await validate());
      if (due(options.saveEvery)) {
        await save();
        savedAt = progress.step;
      }
      if (done) {
        reason = "done";
        break;
      }
    }
    if (savedAt !== progress.step) await save();
  } finally {
    await source.return();
    trainStep.dispose();
  }
  const { params, ema, firstMoment, secondMoment } = state;
  disposeTree([firstMoment, secondMoment, ...(ema ? [params] : [])]);
  return { params: ema ?? params, step: progress.step, reason, ...(checkpoint && { checkpoint }) };
}

/** What makes two runs the same run: a checkpoint of another one must not be resumed silently. */
function runOf<P, B>(task: TrainingTask<P, B>, dataset: Dataset, options: TrainingOptions): string {
  const { batchSize, accumulate, seed } = options;
  return JSON.stringify({
    task: task.name,
    data: dataset.describe(),
    size: dataset.size,
    batchSize,
    accumulate,
    seed,
    ...(options.precision !== "float32" && { precision: options.precision }),
  });
}

async function writeState<P, B>(
  task: TrainingTask<P, B>,
  folder: string,
  state: TrainState<P>,
  published: P,
  progress: Progress,
  run: string,
): Promise<void> {
  await saveTrees(
    join(folder, "state.safetensors"),
    { ...state },
    { progress: JSON.stringify(progress), run },
  );
  await task.publish(published, join(folder, "model"), progress.step);
}

function loadState<P>(
  folder: string,
  like: TrainState<P>,
  run: string,
): { state: TrainState<P>; progress: Progress } {
  const { trees, metadata } = loadTrees(join(folder, "state.safetensors"), { ...like });
  if (metadata.run !== run) {
    disposeTree(trees);
    throw new ControlNetError(
      "state",
      `runTraining: ${folder} belongs to another run; expected ${run}, got ${metadata.run}. ` +
        "Give the same data, batch size and seed, or another output folder",
    );
  }
  return { state: trees as unknown as TrainState<P>, progress: JSON.parse(metadata.progress!) as Progress };
}

function assertFinite(name: string, { loss, gradientNorm }: StepReport, step: number): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  throw new ControlNetError(
    "data",
    `runTraining: ${name}: the loss is ${loss} (gradient norm ${gradientNorm}) at step ${step}; ` +
      "lower the learning rate, or train in float32. The last checkpoint is from before",
  );
}
