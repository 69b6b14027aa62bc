import { ancestralStep } from "./ancestral.js";
import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { spacingFields, spreadFields, stableDiffusionBetas } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { twoCallsPerStep } from "./plan.js";
import { sigmaGrid, sigmaOptions } from "./sigma-grid.js";
import { timestepAt, trainingSigmas } from "./sigmas.js";

/**
 * DPM-Solver-2 with ancestral noise, as k-diffusion's `sample_dpm_2_ancestral`: the midpoint rule down below the next
 * noise level, and fresh noise up to it. Two model calls a step; the last step, to sigma = 0, is Euler's.
 */
export const dpm2Ancestral = defineSampler({
  name: "dpm2-ancestral",
  description: "DPM-Solver-2 with ancestral noise (k-diffusion)",
  aliases: ["dpm2-a"],
  options: sigmaOptions,
  diffusers: {
    className: "KDPM2AncestralDiscreteScheduler",
    groups: [stableDiffusionBetas, spacingFields("linspace"), spreadFields()],
  },
  plan(schedule, options) {
    const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options, true);
    const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
    const steps = timesteps.length;
    const table = trainingSigmas(schedule);
    const splits = sigmas.slice(0, -2).map((sigma, i) => ancestralStep(sigma, sigmas[i + 1]!));
    const middles = splits.map(({ down }, i) => Math.sqrt(sigmas[i]! * down));
    return {
      timesteps: timesteps.flatMap((t, i) => (i === 0 ? [t] : [timestepAt(table, middles[i - 1]!), t])),
      steps,
      calls: twoCallsPerStep(steps),
      levels,
      initialScale,
      stochastic: true,
      async step(context) {
        const { step, latent } = context;
        const sigma = sigmas[step]!;
        const first = await evaluate(context, schedule.prediction, latent, levels[step]!);
        const middle = middles[step];
        if (middle === undefined)
          return {
            predictedClean: first.clean,
            latent: combine([1, latent], ...first.epsilon(sigmas[step + 1]! - sigma)),
          };
        const { down, up } = splits[step]!;
        const half = context.between(combine([1, latent], ...first.epsilon(middle - sigma)));
        const second = await evaluate(context, schedule.prediction, half, { alpha: 1, sigma: middle });
        return {
          predictedClean: second.clean,
          latent: combine([1, latent], ...second.epsilon(down - sigma), [up, context.noise()]),
        };
      },
    };
  },
});
