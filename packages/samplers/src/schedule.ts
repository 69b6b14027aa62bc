import { ControlNetError, unknownName } from "@controlnet-js/core";

/** What the model's raw output stands for: the noise, `v = alpha eps - sigma x0`, or the clean sample. */
export type Prediction = "epsilon" | "v" | "sample";

/** What a model may predict; diffusers calls `"v"` `v_prediction`. */
export const predictions = ["epsilon", "v", "sample"] as const satisfies readonly Prediction[];

/** Far above what is published: a file's number must not decide how long reading takes. */
const MOST_TIMESTEPS = 100_000;

/** How much signal is left at each training timestep, and what the model predicts. */
export interface NoiseSchedule {
  /** Number of timesteps of training, 1000 for Stable Diffusion. */
  readonly trainTimesteps: number;
  /** abar[t] = prod_{s <= t} (1 - beta_s), in float64 unless asked otherwise; falls from nearly 1 to nearly 0. */
  readonly alphasCumprod: Float64Array;
  readonly prediction: Prediction;
  /** Whether abar of the last timestep was rescaled to exactly 0. */
  readonly zeroTerminalSnr: boolean;
  /** abar[t] in single precision, bit for bit as diffusers has it; a rescaled one is the rounded `alphasCumprod`. */
  readonly singleAlphasCumprod: Float32Array;
}

/** Options of {@link createSchedule}; the defaults are Stable Diffusion's. */
export interface ScheduleOptions {
  /**
   * `"scaled-linear"`: linear in sqrt(beta) (latent diffusion calls it "linear"); `"linear"`: linear in beta
   * (Ho et al. 2020); `"cosine"`: abar = cos^2((t + .008) / 1.008 pi / 2) (Nichol and Dhariwal 2021).
   */
  kind?: "scaled-linear" | "linear" | "cosine";
  trainTimesteps?: number;
  betaStart?: number;
  betaEnd?: number;
  /** The betas themselves, in place of `kind`, `betaStart` and `betaEnd`. */
  betas?: readonly number[];
  /** Shift and scale sqrt(abar) so that the last timestep is pure noise (Lin et al. 2023, algorithm 1). */
  rescaleZeroTerminalSnr?: boolean;
  prediction?: Prediction;
  /**
   * Whether abar has the roundings of diffusers, which keeps it in single precision: near no noise its sigmas are off by
   * 1e-5, which a model may make more of. Default false: float64.
   */
  singlePrecision?: boolean;
}

/**
 * A noise schedule, computed in float64.
 * @throws ControlNetError `range` for betas outside (0, 1) or a bad number of timesteps, `config` for an unknown kind or
 * prediction
 */
export function createSchedule(options: ScheduleOptions = {}): NoiseSchedule {
  const { prediction = "epsilon", rescaleZeroTerminalSnr = false } = options;
  if (!predictions.includes(prediction)) throw unknownPrediction("createSchedule", prediction);
  const betas = options.betas ?? makeBetas(options);
  if (betas.length > MOST_TIMESTEPS)
    throw new ControlNetError(
      "range",
      `createSchedule: expected at most ${MOST_TIMESTEPS} timesteps, got ${betas.length} betas`,
    );
  if (betas.length < 1 || betas.some((beta) => !(beta > 0 && beta < 1)))
    throw new ControlNetError("range", `createSchedule: expected betas in (0, 1), got ${summary(betas)}`);
  const alphasCumprod = new Float64Array(betas.length);
  let product = 1;
  for (let t = 0; t < betas.length; t++) alphasCumprod[t] = product *= 1 - betas[t]!;
  if (rescaleZeroTerminalSnr) rescale(alphasCumprod);
  const rounded = rescaleZeroTerminalSnr
    ? Float32Array.from(alphasCumprod)
    : singleAlphasCumprod(options, betas);
  return {
    trainTimesteps: betas.length,
    alphasCumprod: options.singlePrecision ? Float64Array.from(rounded) : alphasCumprod,
    prediction,
    zeroTerminalSnr: rescaleZeroTerminalSnr,
    singleAlphasCumprod: rounded.map((bar) => (bar === 0 ? 2 ** -24 : bar)),
  };
}

/** The error for what is none of {@link predictions}. */
export const unknownPrediction = (where: string, prediction: unknown): ControlNetError =>
  new ControlNetError("config", `${where}: unknown prediction ${unknownName(prediction, predictions)}`);

/**
 * torch's way: betas and alphas are rounded to single precision one by one (the linear ones counted from the nearer end),
 * their product is kept in double precision.
 */
function singleAlphasCumprod(options: ScheduleOptions, betas: readonly number[]): Float32Array {
  const { kind = "scaled-linear", betaStart = 0.00085, betaEnd = 0.012 } = options;
  const last = betas.length - 1;
  const root = kind === "scaled-linear";
  const [low, high] = [betaStart, betaEnd].map((beta) => Math.fround(root ? Math.sqrt(beta) : beta)) as [
    number,
    number,
  ];
  const step = Math.fround(Math.fround(high - low) / last);
  const single = (beta: number, t: number): number => {
    if (options.betas || kind === "cosine" || last === 0) return Math.fround(beta);
    const value = Math.fround(t < Math.floor((last + 1) / 2) ? low + step * t : high - step * (last - t));
    return root ? Math.fround(value * value) : value;
  };
  let product = 1;
  return Float32Array.from(betas, (beta, t) => (product *= Math.fround(1 - single(beta, t))));
}

function makeBetas(options: ScheduleOptions): number[] {
  const { kind = "scaled-linear", trainTimesteps = 1000, betaStart = 0.00085, betaEnd = 0.012 } = options;
  if (!Number.isInteger(trainTimesteps) || trainTimesteps < 1 || trainTimesteps > MOST_TIMESTEPS)
    throw new ControlNetError(
      "range",
      `createSchedule: expected trainTimesteps >= 1 and at most ${MOST_TIMESTEPS}, got ${trainTimesteps}`,
    );
  const between = (low: number, high: number, t: number) =>
    trainTimesteps === 1 ? low : low + ((high - low) * t) / (trainTimesteps - 1);
  const cosine = (t: number) => Math.cos(((t / trainTimesteps + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  const formulas = {
    linear: (t: number) => between(betaStart, betaEnd, t),
    "scaled-linear": (t: number) => between(Math.sqrt(betaStart), Math.sqrt(betaEnd), t) ** 2,
    cosine: (t: number) => Math.min(1 - cosine(t + 1) / cosine(t), 0.999),
  };
  const beta = Object.hasOwn(formulas, kind) ? formulas[kind] : undefined;
  if (!beta)
    throw new ControlNetError(
      "config",
      `createSchedule: unknown kind ${unknownName(kind, Object.keys(formulas))}`,
    );
  return Array.from({ length: trainTimesteps }, (_, t) => beta(t));
}

function rescale(alphasCumprod: Float64Array): void {
  const first = Math.sqrt(alphasCumprod[0]!);
  const last = Math.sqrt(alphasCumprod.at(-1)!);
  for (let t = 0; t < alphasCumprod.length; t++)
    alphasCumprod[t] = (((Math.sqrt(alphasCumprod[t]!) - last) * first) / (first - last)) ** 2;
}

function summary(betas: readonly number[]): string {
  const bad = betas.findIndex((beta) => !(beta > 0 && beta < 1));
  return bad < 0 ? "none" : `${betas[bad]} at timestep ${bad}`;
}

/** Signal and noise in a latent: `latent = alpha * clean + sigma * noise`. */
export interface NoiseLevel {
  readonly alpha: number;
  readonly sigma: number;
}

/** alpha = sqrt(abar), sigma = sqrt(1 - abar). */
export function levelOf(alphaCumprod: number): NoiseLevel {
  return { alpha: Math.sqrt(alphaCumprod), sigma: Math.sqrt(1 - alphaCumprod) };
}

/**
 * abar at an integer timestep.
 * @throws ControlNetError `range` outside [0, trainTimesteps)
 */
export function alphaCumprodAt(schedule: NoiseSchedule, timestep: number): number {
  const value = schedule.alphasCumprod[timestep];
  if (value === undefined)
    throw new ControlNetError(
      "range",
      `noise schedule: expected an integer timestep in [0, ${schedule.trainTimesteps - 1}], got ${timestep}`,
    );
  return value;
}
