import type { Sample } from "@controlnet-js/data";
import type { Scalar } from "@tensorflow/tfjs-core";

/** What is trained, apart from how: the loop knows nothing of models. */
export interface TrainingTask<P, B> {
  name: string;
  /** The parameters to train, as they are at step 0; the run takes them over. */
  params: P;
  /** What else of the task makes it the same run, as plain data: a checkpoint that says otherwise is not resumed. */
  identity?: Readonly<Record<string, unknown>>;
  /** The mean loss of a batch; runs inside `jit`, so it must not read values. */
  loss(params: P, batch: B): Scalar;
  /**
   * The tensors of some samples; the run disposes them.
   * @param sampleIndices global index of each sample in the run: the index for random keys
   */
  batch(samples: readonly Sample[], sampleIndices: readonly number[]): Promise<B>;
  /**
   * Measures on held-out data; `params` are the average (EMA) where one is kept.
   * @param signal aborts the run, which waits for the measurement to end; throwing ends it early
   */
  validate?(params: P, step: number, signal?: AbortSignal): Promise<ValidationReport>;
  /** Writes what was trained in its published form into a new folder. */
  publish(params: P, folder: string, step: number): Promise<void>;
}

/** Named numbers of a validation, for bar, log and chart. */
export type ValidationReport = Record<string, number>;

/** What a run is trained for. Checkpoints keep the count, so that a resumed run ends where one without a break does. */
export interface ValidationGoal {
  /** Validations in a row, of those every `validateEvery` steps, that must meet it; at least 1. */
  inARow: number;
  isMet(report: ValidationReport): boolean;
}
