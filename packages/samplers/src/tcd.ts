import { ControlNetError } from "@controlnet-js/core";
import { combine } from "./combine.js";
import { consistencyTimesteps } from "./consistency-timesteps.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import { alphaCumprodAt, levelOf, type NoiseSchedule } from "./schedule.js";

/** Options of {@link tcd}. */
export interface TcdOptions {
  steps: number;
  /** Called gamma in the paper: 0 is deterministic, 1 takes fresh noise all the way, as LCM. In [0, 1]. */
  eta?: number;
  /** Steps of the solver with which the model was distilled. */
  originalSteps?: number;
}

/**
 * Strategic stochastic sampling of trajectory consistency distillation (Zheng et al. 2024): a deterministic step to
 * timestep `s = floor((1 - eta) t_next)`, and fresh noise from there up to t_next.
 */
export function tcd(schedule: NoiseSchedule, options: TcdOptions): Plan {
  const { steps, eta = 0.3, originalSteps = 50 } = options;
  if (!(eta >= 0 && eta <= 1)) throw new ControlNetError("range", `tcd: expected eta in [0, 1], got ${eta}`);
  const grid = consistencyTimesteps(schedule, steps, originalSteps);
  const bars = [...grid, 0].map((t) => alphaCumprodAt(schedule, t));
  const levels = bars.map(levelOf);
  return {
    name: "tcd",
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
}
