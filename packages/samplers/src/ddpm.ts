import * as z from "zod";
import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { type FieldGroup, limitFields, spacingFields, zeroTerminalSnr } from "./diffusers-class.js";
import { limited, limitOptions } from "./limit.js";
import { oneCallPerStep } from "./plan.js";
import { interpret } from "./prediction.js";
import { alphaCumprodAt, levelOf } from "./schedule.js";
import { spacingOptions, timesteps } from "./timesteps.js";

const varianceField: FieldGroup = {
  fields: { variance_type: "fixed_small" },
  options: ({ variance_type }) => ({ variance: variance_type === "fixed_large" ? "large" : "small" }),
  refuse: ({ variance_type }) =>
    variance_type === "fixed_small" || variance_type === "fixed_large"
      ? undefined
      : ["variance_type", 'use "fixed_small" or "fixed_large"'],
};

/**
 * DDPM, ancestral sampling (Ho, Jain, Abbeel 2020, equation 7), on a subsequence of the timesteps:
 * `x_prev = sqrt(abar_prev) b / (1 - abar_t) x0 + sqrt(a) (1 - abar_prev) / (1 - abar_t) x_t + sqrt(variance) z`
 * with `a = abar_t / abar_prev`, `b = 1 - a`. No noise at timestep 0.
 */
export const ddpm = defineSampler({
  name: "ddpm",
  description: "Denoising diffusion probabilistic models (Ho, Jain, Abbeel 2020)",
  options: z.object({
    ...spacingOptions("leading"),
    variance: z
      .enum(["small", "large"])
      .default("small")
      .describe("the posterior variance, or beta itself (Ho et al. 2020, section 3.2)"),
    ...limitOptions,
  }),
  diffusers: {
    className: "DDPMScheduler",
    groups: [spacingFields("leading"), limitFields(true), varianceField, zeroTerminalSnr],
  },
  plan(schedule, options) {
    const { steps, spacing, stepsOffset, variance } = options;
    const grid = timesteps(schedule, steps, spacing, { stepsOffset });
    const bars = [...grid.map((t) => alphaCumprodAt(schedule, t)), 1];
    return {
      timesteps: grid,
      steps,
      calls: oneCallPerStep(steps),
      levels: bars.map(levelOf),
      initialScale: 1,
      stochastic: true,
      async step({ step, latent, ask, own, noise }) {
        const [bar, target] = [bars[step]!, bars[step + 1]!];
        const output = await ask(latent, levelOf(bar));
        const { clean } = interpret(schedule.prediction, levelOf(bar));
        const predictedClean = await limited(
          own(combine([clean.latent, latent], [clean.output, output])),
          options,
        );
        const beta = 1 - bar / target;
        const posterior = Math.max(((1 - target) / (1 - bar)) * beta, 1e-20);
        const spread = Math.sqrt(variance === "small" ? posterior : beta);
        return {
          predictedClean,
          latent: combine(
            [(Math.sqrt(target) * beta) / (1 - bar), predictedClean],
            [(Math.sqrt(bar / target) * (1 - target)) / (1 - bar), latent],
            ...(grid[step]! > 0 ? [[spread, noise()] as const] : []),
          ),
        };
      },
    };
  },
});
