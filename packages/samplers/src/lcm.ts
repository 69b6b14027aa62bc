import { combine } from "./combine.js";
import { consistencyTimesteps } from "./consistency-timesteps.js";
import { evaluate } from "./evaluate.js";
import type { LimitOptions } from "./limit.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import { alphaCumprodAt, levelOf, type NoiseSchedule } from "./schedule.js";

/** Options of {@link lcm}. */
export interface LcmOptions extends LimitOptions {
  steps: number;
  /** Steps of the solver with which the model was distilled. */
  originalSteps?: number;
  /** Timesteps are multiplied with this in the boundary condition. */
  timestepScaling?: number;
}

/**
 * Multistep consistency sampling of latent consistency models (Luo et al. 2023): the model's consistency function
 * `c_skip x + c_out x0` at each timestep, with fresh noise down to the next one.
 */
export function lcm(schedule: NoiseSchedule, options: LcmOptions): Plan {
  const { steps, originalSteps = 50, timestepScaling = 10 } = options;
  const grid = consistencyTimesteps(schedule, steps, originalSteps);
  const levels = grid.map((t) => levelOf(alphaCumprodAt(schedule, t)));
  const sigmaData = 0.5;
  return {
    name: "lcm",
    timesteps: grid,
    steps,
    calls: oneCallPerStep(steps),
    levels: [...levels, { alpha: 1, sigma: 0 }],
    initialScale: 1,
    stochastic: steps > 1,
    async step(context) {
      const { step, latent } = context;
      const { clean } = await evaluate(context, schedule.prediction, latent, levels[step]!, options);
      const scaled = grid[step]! * timestepScaling;
      const skip = sigmaData ** 2 / (scaled ** 2 + sigmaData ** 2);
      const denoised = combine([scaled / Math.hypot(scaled, sigmaData), clean], [skip, latent]);
      const next = levels[step + 1];
      if (!next) return { predictedClean: clean, latent: denoised };
      return {
        predictedClean: context.own(denoised),
        latent: combine([next.alpha, denoised], [next.sigma, context.noise()]),
      };
    },
  };
}
