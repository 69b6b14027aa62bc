import * as z from "zod";
import { betaQuantile } from "./beta-quantile.js";
import type { NoiseLevel, NoiseSchedule } from "./schedule.js";

/**
 * How noise levels are spread between the highest and the lowest, instead of following the timesteps:
 * `"karras"`: linear in sigma^(1/7) (Karras et al. 2022, equation 5); `"exponential"`: linear in log sigma;
 * `"beta"`: quantiles of Beta(.6, .6) (Lee et al. 2024, "Beta sampling is all you need"); `"lu"`: as
 * exponential, at rounded timesteps (Lu et al. 2022, the uniform-lambda steps of DPM-Solver).
 */
export type SigmaSpread = (typeof spreads)[number];

const spreads = ["karras", "exponential", "beta", "lu"] as const;

/** A sampler's option `sigmas`. */
export const spreadOption = z
  .enum(spreads)
  .optional()
  .describe("spread the noise levels by a rule of their own, not by the timesteps");

/** A sampler's options for the ends of the spread. */
export const spreadEnds = {
  sigmaMin: z
    .number()
    .positive()
    .optional()
    .describe("low end of the spread; by default that of the timesteps"),
  sigmaMax: z.number().positive().optional().describe("high end of the spread"),
};

/** A sampler's option `finalSigma`. */
export const finalSigmaOption = z
  .enum(["zero", "sigma-min"])
  .default("zero")
  .describe("the last step goes to no noise, or to the noise of timestep 0");

/** sigma_t = sqrt((1 - abar_t) / abar_t) of every training timestep; zero signal counts as abar = 2^-24. */
export function trainingSigmas(schedule: NoiseSchedule): Float64Array {
  return schedule.alphasCumprod.map((bar) => {
    const kept = bar === 0 ? 2 ** -24 : bar;
    return Math.sqrt((1 - kept) / kept);
  });
}

/** `steps` noise levels from `high` down to `low`. */
export function spreadSigmas(spread: SigmaSpread, high: number, low: number, steps: number): number[] {
  const ramp = Array.from({ length: steps }, (_, i) => (steps === 1 ? 0 : i / (steps - 1)));
  const rho = 7;
  const rules: Record<SigmaSpread, (u: number) => number> = {
    karras: (u) => (high ** (1 / rho) + u * (low ** (1 / rho) - high ** (1 / rho))) ** rho,
    exponential: (u) => Math.exp(Math.log(high) + u * (Math.log(low) - Math.log(high))),
    lu: (u) => Math.exp(Math.log(high) + u * (Math.log(low) - Math.log(high))),
    beta: (u) => low + betaQuantile(1 - u, 0.6, 0.6) * (high - low),
  };
  return ramp.map(rules[spread]);
}

/** The value of a table of training timesteps at a real timestep, linear between the training timesteps. */
export function sigmaAt(sigmas: Float64Array, timestep: number): number {
  const clamped = Math.min(Math.max(timestep, 0), sigmas.length - 1);
  const low = Math.min(Math.floor(clamped), sigmas.length - 2);
  if (low < 0) return sigmas[0]!;
  return sigmas[low]! + (clamped - low) * (sigmas[low + 1]! - sigmas[low]!);
}

/** The real timestep of a sigma, linear in log sigma between the training timesteps. */
export function timestepAt(sigmas: Float64Array, sigma: number): number {
  const target = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  while (low < sigmas.length - 2 && Math.log(sigmas[low + 1]!) <= target) low++;
  const [from, to] = [Math.log(sigmas[low]!), Math.log(sigmas[low + 1]!)];
  return low + Math.min(Math.max((target - from) / (to - from), 0), 1);
}

/** The level of unit variance with noise-to-signal ratio `sigma`. */
export function unitLevelOf(sigma: number): NoiseLevel {
  const alpha = 1 / Math.sqrt(sigma ** 2 + 1);
  return { alpha, sigma: sigma * alpha };
}
