import * as z from "zod";
import { combine } from "./combine.js";
import { consistencyFields, consistencyTimesteps, originalStepsOption } from "./consistency-timesteps.js";
import { defineSampler } from "./define-sampler.js";
import { fields, unheededLimits } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep } from "./plan.js";
import { alphaCumprodAt, levelOf } from "./schedule.js";

/**
 * Strategic stochastic sampling of trajectory consistency distillation (Zheng et al. 2024): a deterministic step to
 * timestep `s = floor((1 - eta) t_next)`, and fresh noise from there up to t_next.
 */
export const tcd = defineSampler({
  name: "tcd",
  description: "Strategic stochastic sampling of trajectory consistency (Zheng et al. 2024)",
  options: z.object({
    eta: z
      .number()
      .min(0, "expected eta in [0, 1]")
      .max(1, "expected eta in [0, 1]")
      .default(0.3)
      .describe("the paper's gamma: 0 is deterministic, 1 takes fresh noise all the way, as LCM"),
    originalSteps: originalStepsOption,
  }),
  diffusers: {
    className: "TCDScheduler",
    groups: [...consistencyFields, unheededLimits(false), fields({ timestep_scaling: 10 })],
  },
  plan(schedule, options) {
    const { steps, eta, originalSteps } = options;
    const grid = consistencyTimesteps(schedule, steps, originalSteps);
    const bars = [...grid, 0].map((t) => alphaCumprodAt(schedule, t));
    const levels = bars.map(levelOf);
    return {
      timesteps: grid,
      steps,
      calls: oneCallPerStep(steps),
      levels,
      initialScale: 1,
      stochastic: eta > 0 && steps > 1,
      async step(context) {
        const { step, latent } = context;
        const { clean, epsilon } = await evaluate(context, schedule.prediction, latent, levels[step]!);
        const between = alphaCumprodAt(schedule, Math.floor((1 - eta) * (grid[step + 1] ?? 0)));
        const { alpha, sigma } = levelOf(between);
        const noisy = eta > 0 && step < steps - 1;
        const share = noisy ? bars[step + 1]! / between : 1;
        return {
          predictedClean: clean,
          latent: combine(
            [Math.sqrt(share) * alpha, clean],
            ...epsilon(Math.sqrt(share) * sigma),
            ...(noisy ? [[Math.sqrt(1 - share), context.noise()] as const] : []),
          ),
        };
      },
    };
  },
});
