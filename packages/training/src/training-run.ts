import { join } from "node:path";
import { ControlNetError, compiles, disposeTree } from "@controlnet-js/core";
import { type Batch, type Dataset, identityOf } from "@controlnet-js/data";
import { initialLossScale, nextLossScale } from "./loss-scale.js";
import { shareText, shareTree, sumOver } from "./process-group.js";
import {
  checkpointSteps,
  type FoundCheckpoint,
  findCheckpoint,
  removeCheckpoints,
  saveCheckpoint,
  setAside,
} from "./run-state.js";
import { type Progress, readState, writeState } from "./saved-state.js";
import { createTrainState, createTrainStep, type StepReport, type TrainState } from "./train-step.js";
import {
  type CompleteOptions,
  leads,
  type TrainingListener,
  type TrainingResult,
} from "./training-options.js";
import type { TrainingTask } from "./training-task.js";

/** A run that has begun: the state that it trains, how far it is, and what is done to it. */
export interface TrainingRun<P> {
  /** How far it is: what a checkpoint keeps beside the state. */
  readonly progress: Progress;
  /** Steps done in all. */
  readonly step: number;
  /** Tells where it begins. */
  announce(): void;
  /** Whether something that is done every so many steps is done now. */
  isDue(every: number): boolean;
  /** Whether the validation of this step was made before. */
  isValidated(): boolean;
  /** Whether the goal is reached, as far as this process knows. */
  isReached(): boolean;
  /** Whether any process was told to stop. */
  isAborted(): Promise<boolean>;
  /** One step on the next batches. */
  train(samples: AsyncIterator<Batch, void>): Promise<void>;
  /** Measures; returns whether the goal is reached, as the first process finds. */
  validate(): Promise<boolean>;
  save(): Promise<void>;
  /** Saves what isn't, and gives the parameters away. */
  end(reason: TrainingResult<P>["reason"]): Promise<TrainingResult<P>>;
  /** Disposes all that the run holds, after an error. */
  abandon(): void;
}

/** Begins a run at its first step, or where its newest checkpoint stands. */
export async function beginRun<P, B>(
  task: TrainingTask<P, B>,
  dataset: Dataset,
  options: CompleteOptions,
  listener: TrainingListener,
): Promise<TrainingRun<P>> {
  const { steps, signal, group, goal } = options;
  const trainStep = createTrainStep<P, B>((params, batch) => task.loss(params, batch), {
    ...options,
    name: task.name,
  });
  const identity = identityOfRun(task, dataset, options);
  let { state, progress, checkpoint } = await findBeginning(task, identity, options, listener);
  let savedAt = checkpoint ? progress.step : -1;

  const averaged = () => state.ema ?? state.params;
  const isDue = (every: number) => every > 0 && progress.step % every === 0;
  const isReached = () => goal !== undefined && (progress.validation?.met ?? 0) >= goal.inARow;

  async function train(samples: AsyncIterator<Batch, void>): Promise<void> {
    const began = performance.now();
    const taken: Batch[] = [];
    for (let i = 0; i < options.accumulate; i++) taken.push((await samples.next()).value as Batch);
    const prepared: B[] = [];
    for (const { samples, sampleIndices } of taken) prepared.push(await task.batch(samples, sampleIndices));
    const rate = options.learningRate * options.schedule(progress.step, steps);
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
    const seconds = (performance.now() - began) / 1000;
    listener.stepped?.({ ...result.report, step: progress.step, steps, rate, seconds });
  }

  async function measure(): Promise<void> {
    if (!task.validate || !leads(options)) return;
    const { step, validation } = progress;
    try {
      const report = await task.validate(averaged(), step, signal);
      await listener.validated?.(report, step);
      // What was measured only because the run ends here does not count: a longer run would not have it.
      if (!isDue(options.validateEvery)) return;
      const met = goal?.isMet(report) ? (validation?.met ?? 0) + 1 : 0;
      progress = { ...progress, validation: { step, met } };
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }

  async function save(): Promise<void> {
    if (!leads(options)) return;
    const write = async (folder: string) => {
      await writeState(folder, state, progress, identity);
      await task.publish(averaged(), join(folder, "model"), progress.step);
    };
    try {
      checkpoint = await saveCheckpoint(options.folder, progress.step, write, options.keep);
      savedAt = progress.step;
      listener.saved?.(checkpoint, progress.step);
    } catch (error) {
      listener.warned?.(
        `step ${progress.step} was not saved: ${(error as Error).message}; the newest checkpoint is ${checkpoint ?? "none"}`,
      );
    }
  }

  return {
    get progress() {
      return progress;
    },
    get step() {
      return progress.step;
    },
    announce() {
      if (options.precision !== "float32" && !compiles())
        listener.warned?.(
          `precision ${options.precision} needs the native engine; this run computes in float32`,
        );
      listener.started?.({ step: progress.step, steps, ...(checkpoint && { resumedFrom: checkpoint }) });
    },
    isDue,
    isReached,
    isValidated: () => progress.validation?.step === progress.step,
    isAborted: async () => (await sumOver(group, signal?.aborted ? 1 : 0)) > 0,
    train,
    async validate() {
      await measure();
      return (await sumOver(group, isReached() ? 1 : 0)) > 0;
    },
    save,
    async end(reason) {
      if (savedAt !== progress.step) await save();
      await group?.barrier();
      trainStep.dispose();
      const { params, slots, ema } = state;
      disposeTree([slots, ...(ema ? [params] : [])]);
      const saved = !leads(options) || savedAt === progress.step;
      return { params: averaged(), step: progress.step, reason, saved, ...(checkpoint && { checkpoint }) };
    },
    abandon() {
      trainStep.dispose();
      disposeTree(state);
    },
  };
}

/** Where a run stands before its first step. */
interface Beginning<P> {
  state: TrainState<P>;
  progress: Progress;
  /** What it goes on from. */
  checkpoint: string | undefined;
}

/** A new state, or the newest checkpoint's. In a group all processes get the first one's, whatever disks they see. */
async function findBeginning<P, B>(
  task: TrainingTask<P, B>,
  identity: string,
  options: CompleteOptions,
  listener: TrainingListener,
): Promise<Beginning<P>> {
  const { precision, group } = options;
  const found = leads(options) ? await findToResume(options, listener) : undefined;
  let state = createTrainState(task.params, options);
  let progress: Progress = {
    step: 0,
    cursor: { epoch: 0, position: 0 },
    ...(precision === "float16" && { lossScale: initialLossScale }),
  };
  if (found) {
    try {
      const loaded = readState(found.folder, state, identity);
      disposeTree(state);
      ({ state, progress } = loaded);
    } catch (error) {
      disposeTree([state.slots, state.ema ?? []]);
      throw error;
    }
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
async function findToResume(
  { folder, resume, overwrite }: CompleteOptions,
  listener: TrainingListener,
): Promise<FoundCheckpoint | undefined> {
  if (overwrite && !resume) await removeCheckpoints(folder, 0);
  const [newest] = await checkpointSteps(folder);
  if (newest === undefined) return undefined;
  const lead = `runTraining: ${folder} holds checkpoints of an earlier run, the newest of step ${newest}`;
  if (!resume)
    throw new ControlNetError(
      "state",
      `${lead}; resume it (resume: true), choose another folder, or overwrite it (overwrite: true)`,
    );
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
function identityOfRun<P, B>(task: TrainingTask<P, B>, dataset: Dataset, options: CompleteOptions): string {
  const { batchSize, accumulate, seed, group, optimizer } = options;
  return JSON.stringify({
    task: task.name,
    ...task.identity,
    data: identityOf(dataset),
    size: dataset.size,
    batchSize,
    accumulate,
    seed,
    ...(options.precision !== "float32" && { precision: options.precision }),
    ...(options.emaDecay > 0 && { averaged: true }),
    ...(optimizer.name !== "adamw" && { optimizer: optimizer.name }),
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
