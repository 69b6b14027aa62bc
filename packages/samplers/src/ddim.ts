import { ControlNetError } from "@controlnet-js/core";
import { combine } from "./combine.js";
import { type LimitOptions, limited } from "./limit.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import { interpret } from "./prediction.js";
import { alphaCumprodAt, levelOf, type NoiseSchedule } from "./schedule.js";
import { ldmTimesteps, type Spacing, timesteps } from "./timesteps.js";

/** Options of {@link ddim}; the defaults are Stable Diffusion's. */
export interface DdimOptions extends LimitOptions {
  steps: number;
  /** 0: deterministic; 1: as noisy as DDPM. */
  eta?: number;
  spacing?: Spacing;
  stepsOffset?: number;
  /** What the last step goes to: abar = 1, or abar of timestep 0 (`false`, as Stable Diffusion does). */
  setAlphaToOne?: boolean;
  /**
   * Which published code's timesteps and step targets: `"diffusers"` steps from t to `t - floor(T / steps)`;
   * `"ldm"` takes {@link ldmTimesteps} (31 for 30) and steps from each to the next, the last to abar of timestep 0.
   */
  rule?: "diffusers" | "ldm";
}

/**
 * DDIM (Song, Meng, Ermon 2021, equations 12 and 16):
 * `x_prev = sqrt(abar_prev) x0 + sqrt(1 - abar_prev - s^2) eps + s z`,
 * `s = eta sqrt((1 - abar_prev) / (1 - abar_t) (1 - abar_t / abar_prev))`.
 */
export function ddim(schedule: NoiseSchedule, options: DdimOptions): Plan {
  const {
    steps,
    eta = 0,
    spacing = "leading",
    stepsOffset,
    setAlphaToOne = false,
    rule = "diffusers",
  } = options;
  if (!(eta >= 0)) throw new ControlNetError("range", `ddim: expected eta >= 0, got ${eta}`);
  const grid =
    rule === "ldm" ? ldmTimesteps(schedule, steps) : timesteps(schedule, steps, spacing, { stepsOffset });
  const last = setAlphaToOne && rule !== "ldm" ? 1 : schedule.alphasCumprod[0]!;
  const stride = Math.floor(schedule.trainTimesteps / steps);
  const bars = grid.map((t) => alphaCumprodAt(schedule, t));
  const targets = grid.map((t, i) => {
    if (rule === "ldm") return bars[i + 1] ?? last;
    return t - stride >= 0 ? alphaCumprodAt(schedule, t - stride) : last;
  });
  return {
    name: "ddim",
    timesteps: grid,
    steps: grid.length,
    calls: oneCallPerStep(grid.length),
    levels: [...bars.map(levelOf), levelOf(targets.at(-1)!)],
    initialScale: 1,
    stochastic: eta > 0,
    async step({ step, latent, ask, own, noise }) {
      const level = levelOf(bars[step]!);
      const target = levelOf(targets[step]!);
      const output = await ask(latent, level);
      const { clean, epsilon } = interpret(schedule.prediction, level);
      const predictedClean = await limited(
        own(combine([clean.latent, latent], [clean.output, output])),
        options,
      );
      const spread =
        eta * (target.sigma / level.sigma) * Math.sqrt(Math.max(0, 1 - bars[step]! / targets[step]!));
      const direction = Math.sqrt(Math.max(0, 1 - targets[step]! - spread ** 2));
      return {
        predictedClean,
        latent: combine(
          [target.alpha, predictedClean],
          [direction * epsilon.latent, latent],
          [direction * epsilon.output, output],
          ...(eta > 0 ? [[spread, noise()] as const] : []),
        ),
      };
    },
  };
}
