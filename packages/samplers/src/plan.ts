import type { Tensor4D } from "@tensorflow/tfjs-core";
import type { NoiseLevel, NoiseSchedule } from "./schedule.js";

/**
 * What a sampler asks: the model's raw output for a latent of unit variance at a timestep (an integer, or real for
 * some sigma schedules). `call` counts the model calls of the run from 0; `plan.timesteps[call]` is `timestep`.
 * The sampler owns and disposes the output; it disposes the latent, too.
 */
export type Denoiser = (latent: Tensor4D, timestep: number, call: number) => Tensor4D | Promise<Tensor4D>;

/** What the step of an algorithm works with. It disposes none of it. */
export interface StepContext {
  /** From 0. */
  readonly step: number;
  /** The step that the run began with: 0, but in image-to-image. */
  readonly begun: number;
  /** In the algorithm's own scale, at `plan.levels[step]`. */
  readonly latent: Tensor4D;
  /** What the step before returned as its history. */
  readonly history: readonly Tensor4D[];
  /**
   * The raw model output for `latent` at `level`, at the timestep of the step's next model call. Disposed after the step,
   * unless the step returns it.
   */
  ask(latent: Tensor4D, level: NoiseLevel): Promise<Tensor4D>;
  /**
   * Hands over a latent between two model calls of the step, for the next one to be asked about: in inpainting its known
   * part is put back, as noisy as at the step's end.
   */
  between(latent: Tensor4D): Tensor4D;
  /** Hands a tensor over, to be disposed after the step unless the step returns it. */
  own<T extends Tensor4D>(tensor: T): T;
  /** Standard normal noise of the latent's shape; disposed after the step. */
  noise(): Tensor4D;
}

/** What a step makes. Every tensor is new, asked for, or carried over from the step's latent or history. */
export interface StepResult {
  latent: Tensor4D;
  /** The clean latent that the step's last model output implies. */
  predictedClean: Tensor4D;
  /** For the next step; absent means none. */
  history?: readonly Tensor4D[];
}

/** An algorithm laid out for a schedule and a number of steps: plain numbers and one step function. */
export interface Plan {
  /** The sampler's name: `"ddim"`. */
  readonly name: string;
  /** Timestep of every model call, in order. */
  readonly timesteps: readonly number[];
  /** Number of steps; a step makes one or more model calls. */
  readonly steps: number;
  /** Index of the first model call of each step, and at the end the number of calls: `steps + 1` integers. */
  readonly calls: readonly number[];
  /**
   * Noise level before each step and, last, at the end: `steps + 1` levels, in the algorithm's own scale. With it
   * image-to-image begins at a step, and inpainting puts the known part back.
   */
  readonly levels: readonly NoiseLevel[];
  /** Standard normal noise times this is the latent to begin with. */
  readonly initialScale: number;
  /** Whether a step may ask for noise. */
  readonly stochastic: boolean;
  step(context: StepContext): Promise<StepResult>;
}

/** Lays out an algorithm: every sampler here, and any of your own. */
export type Sampler = (schedule: NoiseSchedule, options: { steps: number }) => Plan;

/** `calls` of a plan whose every step asks the model once. */
export function oneCallPerStep(steps: number): number[] {
  return Array.from({ length: steps + 1 }, (_, i) => i);
}

/** `calls` of a plan whose every step asks the model twice, but the last one once. */
export function twoCallsPerStep(steps: number): number[] {
  return Array.from({ length: steps + 1 }, (_, i) => (i === steps ? 2 * steps - 1 : 2 * i));
}
