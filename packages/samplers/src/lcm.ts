import * as z from "zod";
import { combine } from "./combine.js";
import { consistencyFields, consistencyTimesteps, originalStepsOption } from "./consistency-timesteps.js";
import { defineSampler } from "./define-sampler.js";
import { field, limitFields } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { limitOptions } from "./limit.js";
import { oneCallPerStep } from "./plan.js";
import { alphaCumprodAt, levelOf } from "./schedule.js";

/**
 * Multistep consistency sampling of latent consistency models (Luo et al. 2023): the model's consistency function
 * `c_skip x + c_out x0` at each timestep, with fresh noise down to the next one.
 */
export const lcm = defineSampler({
  name: "lcm",
  description: "Multistep consistency sampling (Luo et al. 2023)",
  options: z.object({
    originalSteps: originalStepsOption,
    timestepScaling: z
      .number()
      .positive()
      .default(10)
      .describe("timesteps are multiplied by this in the boundary condition"),
    ...limitOptions,
  }),
  diffusers: {
    className: "LCMScheduler",
    groups: [...consistencyFields, limitFields(false), field("timestep_scaling", 10, "timestepScaling")],
  },
  plan(schedule, options) {
    const { steps, originalSteps, timestepScaling } = options;
    const grid = consistencyTimesteps(schedule, steps, originalSteps);
    const levels = grid.map((t) => levelOf(alphaCumprodAt(schedule, t)));
    const sigmaData = 0.5;
    return {
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
  },
});
