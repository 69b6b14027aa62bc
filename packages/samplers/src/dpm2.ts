import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { spacingFields, spreadFields, stableDiffusionBetas } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { twoCallsPerStep } from "./plan.js";
import { sigmaGrid, sigmaOptions } from "./sigma-grid.js";
import { timestepAt, trainingSigmas } from "./sigmas.js";

/**
 * DPM-Solver-2 as k-diffusion's `sample_dpm_2`: the midpoint rule with the middle at the geometric mean of two noise
 * levels. Two model calls a step; the last step, to sigma = 0, is Euler's.
 */
export const dpm2 = defineSampler({
  name: "dpm2",
  description: "DPM-Solver-2 (k-diffusion)",
  options: sigmaOptions,
  diffusers: {
    className: "KDPM2DiscreteScheduler",
    groups: [stableDiffusionBetas, spacingFields("linspace"), spreadFields()],
  },
  plan(schedule, options) {
    const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options, true);
    const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
    const steps = timesteps.length;
    const table = trainingSigmas(schedule);
    const middles = sigmas.slice(0, -2).map((sigma, i) => Math.sqrt(sigma * sigmas[i + 1]!));
    return {
      timesteps: timesteps.flatMap((t, i) => (i === 0 ? [t] : [timestepAt(table, middles[i - 1]!), t])),
      steps,
      calls: twoCallsPerStep(steps),
      levels,
      initialScale,
      stochastic: false,
      async step(context) {
        const { step, latent } = context;
        const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
        const first = await evaluate(context, schedule.prediction, latent, levels[step]!);
        const middle = middles[step];
        if (middle === undefined)
          return {
            predictedClean: first.clean,
            latent: combine([1, latent], ...first.epsilon(next - sigma)),
          };
        const half = context.between(combine([1, latent], ...first.epsilon(middle - sigma)));
        const second = await evaluate(context, schedule.prediction, half, { alpha: 1, sigma: middle });
        return {
          predictedClean: second.clean,
          latent: combine([1, latent], ...second.epsilon(next - sigma)),
        };
      },
    };
  },
});
