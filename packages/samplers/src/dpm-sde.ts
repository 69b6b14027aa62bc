import { ancestralStep } from "./ancestral.js";
import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { fields, spacingFields, spreadFields, stableDiffusionBetas } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { twoCallsPerStep } from "./plan.js";
import { sigmaGrid, sigmaOptions } from "./sigma-grid.js";
import { timestepAt, trainingSigmas } from "./sigmas.js";

/**
 * DPM-Solver++ (SDE), stochastic and single-step, as k-diffusion's `sample_dpmpp_sde` with r = 1/2: two ancestral
 * exponential steps, to the geometric mean of two noise levels and then over the whole step. Both take the noise of
 * one Brownian path over sigma. Two model calls a step; the last step, to sigma = 0, is Euler's.
 */
export const dpmSde = defineSampler({
  name: "dpmpp-sde",
  description: "DPM-Solver++ (SDE), two calls a step (k-diffusion)",
  aliases: ["dpm++sde"],
  options: sigmaOptions,
  diffusers: {
    className: "DPMSolverSDEScheduler",
    groups: [
      stableDiffusionBetas,
      spacingFields("linspace"),
      spreadFields(),
      fields({ noise_sampler_seed: null }),
    ],
  },
  plan(schedule, options) {
    const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options);
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
      stochastic: true,
      async step(context) {
        const { step, latent } = context;
        const [sigma, next, middle] = [sigmas[step]!, sigmas[step + 1]!, middles[step]];
        const first = await evaluate(context, schedule.prediction, latent, levels[step]!);
        if (middle === undefined)
          return {
            predictedClean: first.clean,
            latent: combine([1, latent], ...first.epsilon(next - sigma)),
          };
        const toMiddle = ancestralStep(sigma, middle);
        const upper = context.noise();
        const half = context.between(
          combine(
            [toMiddle.down / sigma, latent],
            [1 - toMiddle.down / sigma, first.clean],
            [toMiddle.up, upper],
          ),
        );
        const second = await evaluate(context, schedule.prediction, half, { alpha: 1, sigma: middle });
        const whole = ancestralStep(sigma, next);
        const lower = context.noise();
        return {
          predictedClean: second.clean,
          latent: combine(
            [whole.down / sigma, latent],
            [1 - whole.down / sigma, second.clean],
            [whole.up * Math.sqrt((sigma - middle) / (sigma - next)), upper],
            [whole.up * Math.sqrt((middle - next) / (sigma - next)), lower],
          ),
        };
      },
    };
  },
});
