import { combine } from "./combine.js";
import { type LimitOptions, limited } from "./limit.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import { interpret } from "./prediction.js";
import { alphaCumprodAt, levelOf, type NoiseSchedule } from "./schedule.js";
import { type Spacing, timesteps } from "./timesteps.js";

/** Options of {@link ddpm}. */
export interface DdpmOptions extends LimitOptions {
  steps: number;
  spacing?: Spacing;
  stepsOffset?: number;
  /** Posterior variance beta~ (`"small"`) or beta itself (`"large"`), Ho et al. 2020, section 3.2. */
  variance?: "small" | "large";
}

/**
 * DDPM, ancestral sampling (Ho, Jain, Abbeel 2020, equation 7), on a subsequence of the timesteps:
 * `x_prev = sqrt(abar_prev) b / (1 - abar_t) x0 + sqrt(a) (1 - abar_prev) / (1 - abar_t) x_t + sqrt(variance) z`
 * with `a = abar_t / abar_prev`, `b = 1 - a`. No noise at timestep 0.
 */
export function ddpm(schedule: NoiseSchedule, options: DdpmOptions): Plan {
  const { steps, spacing = "leading", stepsOffset, variance = "small" } = options;
  const grid = timesteps(schedule, steps, spacing, { stepsOffset });
  const bars = [...grid.map((t) => alphaCumprodAt(schedule, t)), 1];
  return {
    name: "ddpm",
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
}
