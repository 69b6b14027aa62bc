import { ControlNetError, type Precision } from "@controlnet-js/core";
import type { SkippedSample } from "@controlnet-js/data";
import { constantRate, type Schedule } from "./learning-rate.js";
import { adamW } from "./optimizer.js";
import type { ProcessGroup } from "./process-group.js";
import type { StepReport, UpdateOptions } from "./train-step.js";
import type { ValidationGoal, ValidationReport } from "./training-task.js";

/** How a training runs. */
export interface TrainingOptions extends UpdateOptions {
  /** Where checkpoints go. */
  folder: string;
  steps: number;
  /** Samples of a batch, in each process. */
  batchSize: number;
  learningRate: number;
  /** What the learning rate is multiplied with from step to step. Default {@link constantRate}, without a warm-up. */
  schedule?: Schedule;
  /** Batches whose gradients are averaged into one step. Default 1. */
  accumulate?: number;
  /** Of shuffling and of every draw. Default 0. */
  seed?: number;
  /** Arithmetic of the heavy ops; float16 scales the loss, and skips steps whose gradients overflow. Default float32. */
  precision?: Precision;
  /** Validate after every so many steps, and before the first; 0 never. Default 0. */
  validateEvery?: number;
  /** Save after every so many steps and at the end; 0 only at the end. Default 0. */
  saveEvery?: number;
  /** How many checkpoints stay. Default 2. */
  keep?: number;
  /** How many samples may be skipped because they can't be read. Default 20. */
  maxSkipped?: number;
  /** Go on from the newest valid checkpoint in `folder`; without one, begin. Default false. */
  resume?: boolean;
  /** When not resuming, delete an earlier run's checkpoints instead of failing. Default false. */
  overwrite?: boolean;
  /** Aborting saves a checkpoint and ends the run. */
  signal?: AbortSignal;
  /** Processes that train together, `batchSize` samples each; every one makes the same call. */
  group?: ProcessGroup;
  /** Ends the run early, saved, once it is reached. */
  goal?: ValidationGoal;
}

/** Options with every default filled in. */
export type CompleteOptions = TrainingOptions & Required<Pick<TrainingOptions, keyof typeof defaults>>;

const defaults = {
  optimizer: adamW(),
  clipNorm: 1,
  emaDecay: 0,
  schedule: constantRate(),
  accumulate: 1,
  seed: 0,
  precision: "float32",
  validateEvery: 0,
  saveEvery: 0,
  keep: 2,
  maxSkipped: 20,
  resume: false,
  overwrite: false,
} as const satisfies Partial<TrainingOptions>;

/**
 * Fills in defaults.
 * @throws ControlNetError `config` for numbers that can't be
 */
export function completeOptions(options: TrainingOptions): CompleteOptions {
  const complete = { ...defaults, ...options };
  const fails = (name: keyof TrainingOptions, expected: string) => {
    throw new ControlNetError("config", `runTraining: expected ${name} ${expected}, got ${complete[name]}`);
  };
  for (const name of ["steps", "accumulate", "keep"] as const)
    if (!Number.isInteger(complete[name]) || complete[name] < 1) fails(name, "to be a whole number from 1");
  for (const name of ["validateEvery", "saveEvery"] as const)
    if (!Number.isInteger(complete[name]) || complete[name] < 0) fails(name, "to be a whole number from 0");
  if (!(complete.learningRate > 0 && complete.learningRate < Number.POSITIVE_INFINITY))
    fails("learningRate", "above 0");
  if (!(complete.clipNorm > 0)) fails("clipNorm", "above 0 (Infinity leaves gradients as they are)");
  if (!(complete.emaDecay >= 0 && complete.emaDecay < 1)) fails("emaDecay", "in [0, 1)");
  return complete;
}

/** Whether this process validates and saves. */
export const leads = ({ group }: Pick<TrainingOptions, "group">): boolean => !group || group.rank === 0;

/** What a run tells while it goes on; each may be absent. In a group, the first process is told of validations and saves. */
export interface TrainingListener {
  /** Something worth knowing before the first step, such as how many latents fit into memory. */
  noted?(message: string): void;
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
