import type { Sample } from "@controlnet-js/data";
import type { Scalar } from "@tensorflow/tfjs-core";

/** Named numbers of a validation, for bar, log and chart. */
export type ValidationReport = Record<string, number>;

/** What is trained, apart from how: the loop knows nothing of models. */
export interface TrainingTask<P, B> {
  name: string;
  /** The parameters to train, as they are at step 0; the run takes them over. */
  params: P;
  /** The mean loss of a batch; runs inside `jit`, so it must not read values. */
  loss(params: P, batch: B): Scalar;
  /**
   * The tensors of some samples; the run disposes them.
   * @param sampleIndices global index of each sample in the run: the index for random keys
   */
  batch(samples: readonly Sample[], sampleIndices: readonly number[]): Promise<B>;
  /**
   * Measures on held-out data; `params` are the average (EMA) where one is kept.
   * @param signal where it is aborted, the run waits for the measurement to end: it may throw instead, whatever it likes
   */
  validate?(params: P, step: number, signal?: AbortSignal): Promise<ValidationReport>;
  /** Writes what was trained in its published form into a new folder. */
  publish(params: P, folder: string, step: number): Promise<void>;
}
