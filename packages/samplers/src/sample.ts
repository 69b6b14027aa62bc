import { ControlNetError } from "@controlnet-js/core";
import { sum, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import { combine } from "./combine.js";
import type { NoiseSource } from "./noise-source.js";
import type { Denoiser, Plan, StepResult } from "./plan.js";
import type { NoiseLevel } from "./schedule.js";

/** Told after every step. Tensors are the sampler's: read or clone them before returning. */
export interface StepInfo {
  /** The step just done, from 0. */
  step: number;
  steps: number;
  /** The timestep of the step's last model call. */
  timestep: number;
  /** The latent after the step, scaled to `level`. */
  latent: Tensor4D;
  /** The clean latent that the model now expects. */
  predictedClean: Tensor4D;
  /** `latent = alpha clean + sigma noise` with alpha^2 + sigma^2 = 1. */
  level: NoiseLevel;
  /** All that is needed to go on from here: a copy that the caller disposes with {@link disposeState}. */
  state(): SamplerState;
}

/** Where a run stands; give it to `resume` of a run with the same plan. */
export interface SamplerState {
  /** Steps done. */
  step: number;
  /** The step that the run began with. */
  begun: number;
  /** In the algorithm's own scale. */
  latent: Tensor4D;
  history: Tensor4D[];
}

/** Options of {@link sample}. */
export interface RunOptions {
  /** The noise of stochastic samplers; see `noiseSource`. */
  noise?: NoiseSource;
  /**
   * For inpainting, as diffusers does it: called with the latent after every model call, also within a step, it returns a
   * new one in which the known part is put back as `alpha clean + sigma noise` of `level`. Both are in the algorithm's own
   * scale, in which alpha and sigma need not be of unit variance; after the last call the level is without noise.
   */
  repair?: (latent: Tensor4D, level: NoiseLevel) => Tensor4D;
  /** Called after every step. */
  onStep?: (info: StepInfo) => void | Promise<void>;
  signal?: AbortSignal;
  /** Go on from here instead of from the given latent; stays the caller's. */
  resume?: SamplerState;
  /**
   * Skip this many steps: the given latent is then not noise but a latent at unit variance with the noise of
   * `startLevel(plan, startStep)`, as image-to-image needs it.
   */
  startStep?: number;
}

/**
 * The unit-variance noise level before a step: what image-to-image adds to its clean latent.
 * @param step from 0 to `plan.steps`, the end
 * @throws ControlNetError `range` for another step
 */
export function startLevel(plan: Plan, step: number): NoiseLevel {
  const level = plan.levels[step];
  if (!level)
    throw new ControlNetError("range", `startLevel: expected a step in 0-${plan.steps}, got ${step}`);
  return unitLevel(level);
}

/**
 * Runs a plan from noise to a clean latent.
 * @param latent standard normal noise `[batch, height, width, channels]` (or see `startStep`, `resume`); stays the caller's
 * @returns the clean latent; the caller disposes it
 * @throws ControlNetError `data` where a latent is no longer finite, naming the step; `missing` without noise for a
 * stochastic plan; `config` for a plan whose lists don't fit its steps; `range` for a first step beyond them; `aborted`
 */
export async function sample(
  denoiser: Denoiser,
  latent: Tensor4D,
  plan: Plan,
  options: RunOptions = {},
): Promise<Tensor4D> {
  const { resume, onStep, signal } = options;
  const begun = resume?.begun ?? options.startStep ?? 0;
  const first = resume?.step ?? begun;
  assertRunnable(plan, first, options);
  let current = resume ? combine([1, resume.latent]) : combine([scaleAt(plan, first, options), latent]);
  let history: readonly Tensor4D[] = resume ? resume.history.map((tensor) => combine([1, tensor])) : [];
  try {
    for (let step = first; step < plan.steps; step++) {
      const owned = new Set<Tensor4D>([current, ...history]);
      const own = <T extends Tensor4D>(tensor: T): T => {
        owned.add(tensor);
        return tensor;
      };
      try {
        const place: Place = { plan, step, begun, own };
        const result = await runStep(denoiser, place, current, history, options);
        current = own(result.latent);
        history = result.history ?? [];
        for (const tensor of [result.predictedClean, ...history]) own(tensor);
        const level = step === plan.steps - 1 ? noNoise : plan.levels[step + 1]!;
        current = repaired(place, current, level, options);
        await assertFinite(plan, step, current);
        if (onStep) await report(place, current, result, onStep);
      } catch (error) {
        history = [];
        throw error;
      } finally {
        const kept = new Set([current, ...history]);
        for (const tensor of owned) if (!kept.has(tensor)) tensor.dispose();
      }
      assertNotAborted(signal);
    }
  } catch (error) {
    current.dispose();
    for (const tensor of history) tensor.dispose();
    throw error;
  }
  for (const tensor of history) if (tensor !== current) tensor.dispose();
  return current;
}

/** Disposes the tensors of a state. */
export function disposeState(state: SamplerState): void {
  state.latent.dispose();
  for (const tensor of state.history) tensor.dispose();
}

/** Where a run is, and what takes over the tensors of the step. */
interface Place {
  plan: Plan;
  step: number;
  begun: number;
  own: <T extends Tensor4D>(tensor: T) => T;
}

const noNoise: NoiseLevel = { alpha: 1, sigma: 0 };

const repaired = ({ own }: Place, latent: Tensor4D, level: NoiseLevel, { repair }: RunOptions): Tensor4D =>
  repair ? own(repair(latent, level)) : latent;

function runStep(
  denoiser: Denoiser,
  place: Place,
  latent: Tensor4D,
  history: readonly Tensor4D[],
  options: RunOptions,
): Promise<StepResult> {
  const { plan, step, begun, own } = place;
  const { noise, signal } = options;
  let call = plan.calls[step]!;
  let draws = 0;
  return plan.step({
    step,
    begun,
    latent,
    history,
    own,
    async ask(asked, level) {
      assertNotAborted(signal);
      const input = own(combine([1 / Math.hypot(level.alpha, level.sigma), asked]));
      const index = call++;
      return own(await denoiser(input, plan.timesteps[index]!, index));
    },
    between: (moved) => repaired(place, own(moved), plan.levels[step + 1]!, options),
    noise() {
      if (!noise) throw lacksNoise(plan);
      // A step that draws twice must not meet the noise of another step.
      return own(noise(draws++ === 0 ? step : plan.steps * draws + step));
    },
  });
}

async function report(
  { plan, step, begun, own }: Place,
  latent: Tensor4D,
  result: StepResult,
  onStep: NonNullable<RunOptions["onStep"]>,
): Promise<void> {
  const level = plan.levels[step + 1]!;
  const scale = Math.hypot(level.alpha, level.sigma);
  await onStep({
    step,
    steps: plan.steps,
    timestep: plan.timesteps[plan.calls[step + 1]! - 1]!,
    latent: scale === 1 ? latent : own(combine([1 / scale, latent])),
    predictedClean: result.predictedClean,
    level: unitLevel(level),
    state: () => ({
      step: step + 1,
      begun,
      latent: combine([1, latent]),
      history: (result.history ?? []).map((tensor) => combine([1, tensor])),
    }),
  });
}

function unitLevel({ alpha, sigma }: NoiseLevel): NoiseLevel {
  const scale = Math.hypot(alpha, sigma);
  return { alpha: alpha / scale, sigma: sigma / scale };
}

function scaleAt(plan: Plan, first: number, options: RunOptions): number {
  if (options.startStep === undefined) return plan.initialScale;
  const level = plan.levels[first]!;
  return Math.hypot(level.alpha, level.sigma);
}

function assertRunnable(plan: Plan, first: number, options: RunOptions): void {
  const { name, steps, timesteps, calls, levels } = plan;
  const asked = calls[steps];
  if (calls.length !== steps + 1 || levels.length !== steps + 1 || timesteps.length !== asked)
    throw new ControlNetError(
      "config",
      `sample: plan "${name}" of ${steps} steps: expected ${steps + 1} calls and levels and, as its last call says, ` +
        `${asked} timesteps, got ${calls.length}, ${levels.length} and ${timesteps.length}`,
    );
  if (!Number.isInteger(first) || first < 0 || first > plan.steps)
    throw new ControlNetError("range", `sample: expected a first step in 0-${plan.steps}, got ${first}`);
  if (plan.stochastic && !options.noise) throw lacksNoise(plan);
  assertNotAborted(options.signal);
}

const lacksNoise = ({ name }: Plan): ControlNetError =>
  new ControlNetError(
    "missing",
    `sample: "${name}" adds noise in its steps; give noise: noiseSource({ seed, indices, shape })`,
  );

function assertNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new ControlNetError("aborted", "sample: aborted by its signal", { cause: signal.reason });
}

/**
 * Whether no value is NaN or infinite, by one number read back instead of the whole tensor: a sum is finite only where each
 * value is.
 */
export async function isAllFinite(tensor: Tensor): Promise<boolean> {
  const total = sum(tensor);
  const [value] = await total.data().finally(() => total.dispose());
  return Number.isFinite(value);
}

async function assertFinite(plan: Plan, step: number, latent: Tensor4D): Promise<void> {
  if (await isAllFinite(latent)) return;
  throw new ControlNetError(
    "data",
    `sample: the latent holds NaN or infinity after step ${step + 1} of ${plan.steps} of "${plan.name}" ` +
      `(timestep ${plan.timesteps[plan.calls[step]!]}); look for NaN in the weights, the prompt embedding or the ` +
      "initial latent, or for half-precision overflow",
  );
}
