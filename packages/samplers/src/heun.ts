import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { clipFields, spacingFields, spreadFields, stableDiffusionBetas } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { clipOption } from "./limit.js";
import { twoCallsPerStep } from "./plan.js";
import { sigmaGrid, sigmaOptions } from "./sigma-grid.js";

/**
 * Heun's second-order method (Karras et al. 2022, algorithm 1): an Euler step, then the mean of the slopes at both
 * ends; the last step, to sigma = 0, is Euler's. Two model calls a step, one in the last.
 */
export const heun = defineSampler({
  name: "heun",
  description: "Heun's second-order method (Karras et al. 2022, algorithm 1)",
  options: sigmaOptions.extend({ clip: clipOption }),
  diffusers: {
    className: "HeunDiscreteScheduler",
    groups: [stableDiffusionBetas, spacingFields("linspace"), spreadFields(), clipFields(false)],
  },
  plan(schedule, options) {
    const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options);
    const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
    const steps = timesteps.length;
    return {
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
  },
});
