import { combine } from "./combine.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import type { NoiseSchedule } from "./schedule.js";
import { type SigmaOptions, sigmaGrid } from "./sigma-grid.js";

/** Euler's method on `dx / dsigma = eps(x, sigma)` (Karras et al. 2022, algorithm 2 without churn). */
export function euler(schedule: NoiseSchedule, options: SigmaOptions): Plan {
  const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options);
  const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
  return {
    name: "euler",
    timesteps,
    steps: timesteps.length,
    calls: oneCallPerStep(timesteps.length),
    levels,
    initialScale,
    stochastic: false,
    async step(context) {
      const { step, latent } = context;
      const { clean, epsilon } = await evaluate(context, schedule.prediction, latent, levels[step]!);
      return {
        predictedClean: clean,
        latent: combine([1, latent], ...epsilon(sigmas[step + 1]! - sigmas[step]!)),
      };
    },
  };
}
