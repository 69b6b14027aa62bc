import { ancestralStep } from "./ancestral.js";
import { combine } from "./combine.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import type { NoiseSchedule } from "./schedule.js";
import { type SigmaOptions, sigmaGrid } from "./sigma-grid.js";

/** Euler steps down below the next noise level, and fresh noise up to it (k-diffusion's `sample_euler_ancestral`). */
export function eulerAncestral(schedule: NoiseSchedule, options: SigmaOptions): Plan {
  const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options);
  const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
  return {
    name: "euler-ancestral",
    timesteps,
    steps: timesteps.length,
    calls: oneCallPerStep(timesteps.length),
    levels,
    initialScale,
    stochastic: true,
    async step(context) {
      const { step, latent } = context;
      const { clean, epsilon } = await evaluate(context, schedule.prediction, latent, levels[step]!);
      const { down, up } = ancestralStep(sigmas[step]!, sigmas[step + 1]!);
      return {
        predictedClean: clean,
        latent: combine([1, latent], ...epsilon(down - sigmas[step]!), [up, context.noise()]),
      };
    },
  };
}
