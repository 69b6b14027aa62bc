import type { NoiseSchedule } from "./schedule.js";
import { type SigmaSpread, spreadSigmas } from "./sigmas.js";
import { roundHalfEven } from "./timesteps.js";

/** Which sigmas, and how their timesteps become whole. */
export interface WholeTimestepOptions {
  spread: SigmaSpread;
  steps: number;
  /** Ends of the spread; by default those of the schedule. */
  sigmaMin?: number | undefined;
  sigmaMax?: number | undefined;
  rounded: boolean;
}

/**
 * The whole timesteps of spread sigmas. diffusers looks them up in a table of logarithms in single precision and cuts what
 * it finds, so that the highest one comes out as `T - 1` or `T - 2` (Stable Diffusion's as 998) by the last bit: both tables
 * are computed here with its roundings. One schedule in ten still differs, for torch's square root is not always the nearest
 * number, which depends on the machine.
 */
export function wholeTimesteps(schedule: NoiseSchedule, options: WholeTimestepOptions): number[] {
  const { spread, steps, rounded } = options;
  const sigmas = schedule.singleAlphasCumprod.map((bar) =>
    Math.sqrt(Math.fround(Math.fround(1 - bar) / bar)),
  );
  const logs = sigmas.map(singleLog);
  const last = sigmas.length - 1;
  // Steps of uniform lambda begin with the rounded logarithms themselves.
  const own = (i: number) => (spread === "lu" ? Math.exp(logs[i]!) : sigmas[i]!);
  const { sigmaMax = own(last), sigmaMin = own(0) } = options;
  return spreadSigmas(spread, sigmaMax, sigmaMin, steps)
    .map((sigma) => timestepIn(logs, sigma))
    .map(rounded ? roundHalfEven : Math.trunc);
}

/** The real timestep of a sigma, linear between the logarithms of the table. */
function timestepIn(logs: Float32Array, sigma: number): number {
  const target = Math.log(Math.max(sigma, 1e-10));
  const below = logs.findLastIndex((log) => target >= log);
  const low = Math.min(Math.max(below, 0), logs.length - 2);
  const width = Math.fround(logs[low]! - logs[low + 1]!);
  const weight = Math.min(Math.max((logs[low]! - target) / width, 0), 1);
  return (1 - weight) * low + weight * (low + 1);
}

/** numpy's logarithm in single precision, bit for bit: a rational function of the mantissa, which may be off in the last. */
function singleLog(x: number): number {
  let exponent = Math.floor(Math.log2(x)) + 1;
  let mantissa = x / 2 ** exponent;
  if (mantissa <= Math.SQRT1_2) {
    mantissa *= 2;
    exponent--;
  }
  const at = (coefficients: readonly number[]) =>
    coefficients.reduceRight(
      (sum, next, i) =>
        i === coefficients.length - 1
          ? Math.fround(next)
          : Math.fround(sum * (mantissa - 1) + Math.fround(next)),
      0,
    );
  const numerator = at([0, 1, 2.11267754, 1.48000063, 0.380883774, 0.0258997912]);
  const denominator = at([1, 2.61267754, 2.45300607, 0.986494296, 0.154647637, 0.0058750954]);
  return Math.fround(exponent * Math.fround(Math.LN2) + Math.fround(numerator / denominator));
}
