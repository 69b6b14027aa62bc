import { combine } from "./combine.js";
import { evaluate } from "./evaluate.js";
import type { LimitOptions } from "./limit.js";
import { type Plan, twoCallsPerStep } from "./plan.js";
import type { NoiseSchedule } from "./schedule.js";
import { type SigmaOptions, sigmaGrid } from "./sigma-grid.js";

/** Options of {@link heun}. */
export interface HeunOptions extends SigmaOptions, Pick<LimitOptions, "clip"> {}

/**
 * Heun's second-order method (Karras et al. 2022, algorithm 1): an Euler step, then the mean of the slopes at both
 * ends; the last step, to sigma = 0, is Euler's. Two model calls a step, one in the last.
 */
export function heun(schedule: NoiseSchedule, options: HeunOptions): Plan {
  const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options);
  const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
  const steps = timesteps.length;
  return {
    name: "heun",
    timesteps: timesteps.flatMap((t, i) => (i === 0 ? [t] : [t, t])),
    steps,
    calls: twoCallsPerStep(steps),
    levels,
    initialScale,
    stochastic: false,
    async step(context) {
      const { step, latent } = context;
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      const first = await evaluate(context, schedule.prediction, latent, levels[step]!, options);
      const proposed = combine([1, latent], ...first.limitedEpsilon(next - sigma));
      if (step === steps - 1) return { predictedClean: first.clean, latent: proposed };
      const ahead = context.between(proposed);
      const second = await evaluate(context, schedule.prediction, ahead, levels[step + 1]!, options);
      const half = (next - sigma) / 2;
      return {
        predictedClean: second.clean,
        latent: combine([1, latent], ...first.limitedEpsilon(half), ...second.limitedEpsilon(half)),
      };
    },
  };
}
