import { join } from "node:path";
import { ControlNetError, compiles, disposeTree, type Precision } from "@controlnet-js/core";
import { type Batch, batches, type Dataset, identityOf, type SkippedSample } from "@controlnet-js/data";
import { type LearningRate, learningRateAt } from "./learning-rate.js";
import { initialLossScale, nextLossScale } from "./loss-scale.js";
import { type ProcessGroup, shareText, shareTree, sumOver } from "./process-group.js";
import { holdFolder } from "./run-lock.js";
import {
  checkpointSteps,
  type FoundCheckpoint,
  findCheckpoint,
  removeCheckpoints,
  saveCheckpoint,
  setAside,
} from "./run-state.js";
import { type Progress, readState, writeState } from "./saved-state.js";
import {
  createTrainState,
  createTrainStep,
  defaultOptimizer,
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
  /** Samples of a batch, in each process. */
  batchSize: number;
  learningRate: LearningRate;
  /** Batches whose gradients are averaged into one step. Default 1. */
  accumulate?: number;
  /** Of shuffling and of every draw. Default 0. */
  seed?: number;
  /** Default {@link defaultOptimizer}. */
  optimizer?: OptimizerSettings;
  /** Arithmetic of the heavy ops; float16 scales the loss, and leaves out steps whose gradients overflow. Default float32. */
  precision?: Precision;
  /** Validate after every so many steps, and before the first; 0, the default, never. */
  validateEvery?: number;
  /** Save after every so many steps and at the end; 0, the default, only at the end. */
  saveEvery?: number;
  /** How many checkpoints stay. Default 2. */
  keep?: number;
  /** How many samples may be left out because they can't be read. Default 20. */
  maxSkipped?: number;
  /** Go on from the newest valid checkpoint in `folder`; without one, begin. Default false. */
  resume?: boolean;
  /** Where nothing is resumed: removes the checkpoints of an earlier run, which are otherwise an error. Default false. */
  overwrite?: boolean;
  /** Aborting saves a checkpoint and ends the run. */
  signal?: AbortSignal;
  /** Processes that train together, `batchSize` samples each; every one calls `runTraining` with the same options. */
  group?: ProcessGroup;
  /** Ends the run early, saved, once it is reached. */
  goal?: ValidationGoal;
}

/** What a run is trained for. Checkpoints keep the count, so that a resumed run ends where one without a break does. */
export interface ValidationGoal {
  /** Validations in a row, of those every `validateEvery` steps, that must meet it; at least 1. */
  inARow: number;
  isMet(report: ValidationReport): boolean;
}

const defaults = {
  accumulate: 1,
  seed: 0,
  optimizer: defaultOptimizer,
  precision: "float32",
  validateEvery: 0,
  saveEvery: 0,
  keep: 2,
  maxSkipped: 20,
  resume: false,
  overwrite: false,
} as const satisfies Partial<TrainingOptions>;

type CompleteOptions = TrainingOptions & Required<Pick<TrainingOptions, keyof typeof defaults>>;

/** What a run tells while it goes on; each may be absent. In a group, the first process is told of validations and saves. */
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
  /** The newest checkpoint; in a group, the first process knows it. */
  checkpoint?: string;
  /** Whether that checkpoint holds all steps: it does not where the last save failed. */
  saved: boolean;
}

/**
 * Trains `task` on `dataset`. N steps, a kill at any point and N more after `resume` give the same bits as 2 N steps
 * on one engine with the same threads.
 * @throws ControlNetError `state` for a checkpoint of another run, any where nothing is to be resumed, none valid where one
 * is, or another run that is at work in the folder; `io` or `unsupported` for a newest checkpoint that can't be read or is of
 * a later version; `data` for a loss that is no longer a number
 */
export async function runTraining<P, B>(
  task: TrainingTask<P, B>,
  dataset: Dataset,
  options: TrainingOptions,
  listener: TrainingListener = {},
): Promise<TrainingResult<P>> {
  const release = isFirst(options) ? await holdFolder(options.folder) : undefined;
  try {
    return await train(task, dataset, { ...defaults, ...options }, listener);
  } finally {
    await release?.();
  }
}

/** Whether this process validates and saves. */
const isFirst = ({ group }: TrainingOptions): boolean => !group || group.rank === 0;

async function train<P, B>(
  task: TrainingTask<P, B>,
  dataset: Dataset,
  options: CompleteOptions,
  listener: TrainingListener,
): Promise<TrainingResult<P>> {
  const { steps, signal, group } = options;
  const leads = isFirst(options);
  const trainStep = createTrainStep<P, B>((params, batch) => task.loss(params, batch), options.optimizer, {
    name: task.name,
    precision: options.precision,
    group,
  });
  const run = runOf(task, dataset, options);
  let { state, progress, checkpoint } = await begin(task, run, options, listener);
  if (options.precision !== "float32" && !compiles())
    listener.warned?.(`precision ${options.precision} needs the native engine; this run computes in float32`);
  listener.started?.({ step: progress.step, steps, ...(checkpoint && { resumedFrom: checkpoint }) });

  const averaged = () => state.ema ?? state.params;
  const due = (every: number) => every > 0 && progress.step % every === 0;
  const isReached = () =>
    options.goal !== undefined && (progress.validation?.met ?? 0) >= options.goal.inARow;
  const measure = async (): Promise<void> => {
    if (!task.validate || !leads) return;
    const { step, validation } = progress;
    try {
      const report = await task.validate(averaged(), step, signal);
      await listener.validated?.(report, step);
      // What was measured only because the run ends here does not count: a longer run would not have it.
      if (!due(options.validateEvery)) return;
      const met = options.goal?.isMet(report) ? (validation?.met ?? 0) + 1 : 0;
      progress = { ...progress, validation: { step, met } };
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  };
  /** Whether the goal is reached, as the first process finds. */
  const validate = async (): Promise<boolean> => {
    await measure();
    return (await sumOver(group, isReached() ? 1 : 0)) > 0;
  };
  let savedAt = checkpoint ? progress.step : -1;
  const save = async () => {
    if (!leads) return;
    try {
      checkpoint = await saveCheckpoint(
        options.folder,
        progress.step,
        async (folder) => {
          await writeState(folder, state, progress, run);
          await task.publish(averaged(), join(folder, "model"), progress.step);
        },
        options.keep,
      );
      savedAt = progress.step;
      listener.saved?.(checkpoint, progress.step);
    } catch (error) {
      listener.warned?.(
        `step ${progress.step} was not saved: ${(error as Error).message}; the newest checkpoint is ${checkpoint ?? "none"}`,
      );
    }
  };

  const source = batches(dataset, {
    batchSize: options.batchSize,
    seed: options.seed,
    cursor: progress.cursor,
    maxSkipped: options.maxSkipped,
    ...(group && { share: { index: group.rank, of: group.size } }),
    ...(listener.skipped && { onSkip: (sample) => listener.skipped?.(sample) }),
  });
  let reason: TrainingResult<P>["reason"] = "finished";
  try {
    let reached = isReached();
    // Before the first step, and after one that was saved while its validation was aborted.
    if (due(options.validateEvery) && progress.validation?.step !== progress.step) reached = await validate();
    while (!reached && progress.step < steps) {
      if ((await sumOver(group, signal?.aborted ? 1 : 0)) > 0) {
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
      const next = lossScale && nextLossScale(lossScale, result.report.skipped);
      progress = {
        ...progress,
        step: progress.step + 1,
        cursor: taken[taken.length - 1]!.cursor,
        ...(next && { lossScale: next }),
      };
      if (!next) assertFinite(task.name, result.report, progress.step, checkpoint);
      listener.stepped?.({
        ...result.report,
        step: progress.step,
        steps,
        rate,
        seconds: (performance.now() - began) / 1000,
      });
      const last = progress.step === steps;
      if (due(options.validateEvery) || (last && options.validateEvery > 0)) reached = await validate();
      if (due(options.saveEvery)) await save();
    }
    if (reached) reason = "done";
    if (savedAt !== progress.step) await save();
    await group?.barrier();
  } finally {
    await source.return();
    trainStep.dispose();
  }
  const { params, ema, firstMoment, secondMoment } = state;
  disposeTree([firstMoment, secondMoment, ...(ema ? [params] : [])]);
  const saved = !leads || savedAt === progress.step;
  return { params: ema ?? params, step: progress.step, reason, saved, ...(checkpoint && { checkpoint }) };
}

/** Where a run stands before its first step. */
interface Beginning<P> {
  state: TrainState<P>;
  progress: Progress;
  /** What it goes on from. */
  checkpoint: string | undefined;
}

/** A new state, or the newest checkpoint's. In a group all processes get the first one's, whatever disks they see. */
async function begin<P, B>(
  task: TrainingTask<P, B>,
  run: string,
  options: CompleteOptions,
  listener: TrainingListener,
): Promise<Beginning<P>> {
  const { optimizer, precision, group } = options;
  const leads = isFirst(options);
  const found = leads ? await findBeginning(options, listener) : undefined;
  let state = createTrainState(task.params, optimizer);
  let progress: Progress = {
    step: 0,
    cursor: { epoch: 0, position: 0 },
    ...(precision === "float16" && { lossScale: initialLossScale }),
  };
  if (found) {
    const loaded = readState(found.folder, state, run);
    disposeTree(state);
    ({ state, progress } = loaded);
  }
  if (group) {
    state = await shareTree(group, state);
    progress = JSON.parse(await shareText(group, JSON.stringify(progress))) as Progress;
  }
  return { state, progress, checkpoint: found?.folder };
}

/**
 * What a run goes on from. Where checkpoints are in the folder, it never begins anew beside them: it goes on from the newest
 * that is valid, damaged ones set aside, or it was asked to overwrite them.
 */
async function findBeginning(
  { folder, resume, overwrite }: CompleteOptions,
  listener: TrainingListener,
): Promise<FoundCheckpoint | undefined> {
  if (overwrite && !resume) await removeCheckpoints(folder, 0);
  const [newest] = await checkpointSteps(folder);
  if (newest === undefined) return undefined;
  const lead = `runTraining: ${folder} holds checkpoints of an earlier run, the newest of step ${newest}`;
  if (!resume)
    throw new ControlNetError("state", `${lead}; resume it, choose another folder, or overwrite it`);
  const damaged: { folder: string; message: string }[] = [];
  const found = await findCheckpoint(folder, (message, at) => damaged.push({ folder: at, message }));
  if (!found)
    throw new ControlNetError(
      "state",
      `${lead}, and none is valid: ${damaged.map(({ message }) => message).join("; ")}. Begin anew by overwriting them, ` +
        "or in another folder",
    );
  for (const { folder: at, message } of damaged) {
    const kept = await setAside(at);
    listener.warned?.(`${message}; it is kept as ${kept}`);
  }
  return found;
}

/** What makes two runs the same run: a checkpoint of another one must not be resumed silently. */
function runOf<P, B>(task: TrainingTask<P, B>, dataset: Dataset, options: CompleteOptions): string {
  const { batchSize, accumulate, seed, group } = options;
  return JSON.stringify({
    task: task.name,
    data: identityOf(dataset),
    size: dataset.size,
    batchSize,
    accumulate,
    seed,
    ...(options.precision !== "float32" && { precision: options.precision }),
    ...(options.optimizer.emaDecay > 0 && { averaged: true }),
    ...(group && group.size > 1 && { processes: group.size }),
  });
}

function assertFinite(
  name: string,
  { loss, gradientNorm }: StepReport,
  step: number,
  checkpoint: string | undefined,
): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  throw new ControlNetError(
    "data",
    `runTraining: ${name}: the loss is ${loss} (gradient norm ${gradientNorm}) at step ${step}; ` +
      `lower the learning rate, or train in float32. The newest checkpoint from before is ${checkpoint ?? "none"}`,
  );
}
