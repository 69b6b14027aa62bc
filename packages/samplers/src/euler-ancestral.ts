import { ancestralStep } from "./ancestral.js";
import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { spacingFields, zeroTerminalSnr } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep } from "./plan.js";
import { sigmaGrid, sigmaOptions } from "./sigma-grid.js";

/** Euler steps down below the next noise level, and fresh noise up to it (k-diffusion's `sample_euler_ancestral`). */
export const eulerAncestral = defineSampler({
  name: "euler-ancestral",
  description: "Euler's method with ancestral noise (k-diffusion)",
  aliases: ["euler-a"],
  options: sigmaOptions,
  diffusers: {
    className: "EulerAncestralDiscreteScheduler",
    groups: [spacingFields("linspace"), zeroTerminalSnr],
  },
  plan(schedule, options) {
    const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options);
    const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
    return {
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
  },
});
