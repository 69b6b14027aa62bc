import { ControlNetError } from "@controlnet-js/core";
import type { LimitOptions } from "./limit.js";
import type { NoiseSchedule } from "./schedule.js";
import type { SigmaGrid } from "./sigma-grid.js";
import { type SigmaSpread, sigmaAt, spreadSigmas, trainingSigmas } from "./sigmas.js";
import { roundHalfEven, type Spacing } from "./timesteps.js";
import { wholeTimesteps } from "./whole-timesteps.js";

/** Options of the exponential integrators (DPM-Solver, DEIS, UniPC), which work at unit variance. */
export interface SolverOptions extends Pick<LimitOptions, "threshold"> {
  steps: number;
  spacing?: Spacing;
  stepsOffset?: number;
  /** Spread the noise levels by a rule of their own, over the whole schedule. */
  sigmas?: SigmaSpread;
  /** Ends of the spread; by default those of the schedule. */
  sigmaMin?: number;
  sigmaMax?: number;
  /** Where the last step goes: to no noise, or to the noise of timestep 0. */
  finalSigma?: "zero" | "sigma-min";
  /** Begin below the timesteps whose log signal-to-noise ratio, log(alpha / sigma), is less; -5.1 for cosine schedules. */
  lambdaMinClipped?: number;
  /** How the timesteps of Karras sigmas become whole: rounded (default) or cut. */
  karrasTimesteps?: "round" | "floor";
}

/**
 * The grid of the exponential integrators, as in diffusers: whole timesteps, and `"leading"` and `"linspace"` lay out
 * `steps + 1` points of which the lowest is left to the final sigma.
 * @param endsInSpread whether a spread's own last sigma is the lowest one, and not that of timestep 0
 */
export function solverGrid(
  schedule: NoiseSchedule,
  options: SolverOptions,
  { endsInSpread = false }: { endsInSpread?: boolean } = {},
): SigmaGrid {
  const { steps, finalSigma = "zero", karrasTimesteps = "round" } = options;
  const table = trainingSigmas(schedule);
  let asked = solverTimesteps(schedule, table, options);
  let sigmas = asked.map((t) => sigmaAt(table, t));
  if (options.sigmas) {
    const { sigmaMax = table.at(-1)!, sigmaMin = table[0]! } = options;
    sigmas = spreadSigmas(options.sigmas, sigmaMax, sigmaMin, steps);
    const rounded = (options.sigmas === "karras" || options.sigmas === "lu") && karrasTimesteps === "round";
    const ends = { sigmaMin: options.sigmaMin, sigmaMax: options.sigmaMax };
    asked = wholeTimesteps(schedule, { ...ends, spread: options.sigmas, steps, rounded });
  }
  const lowest = options.sigmas && endsInSpread ? sigmas.at(-1)! : table[0]!;
  return { sigmas: [...sigmas, finalSigma === "zero" ? 0 : lowest], timesteps: asked, initialScale: 1 };
}

function solverTimesteps(schedule: NoiseSchedule, table: Float64Array, options: SolverOptions): number[] {
  const {
    steps,
    spacing = "linspace",
    stepsOffset = 1,
    lambdaMinClipped = Number.NEGATIVE_INFINITY,
  } = options;
  const total = schedule.trainTimesteps;
  if (!Number.isInteger(steps) || steps < 1 || steps >= total)
    throw new ControlNetError("range", `sampler: expected 1 to ${total - 1} steps, got ${steps}`);
  const last = table.filter((sigma) => -Math.log(sigma) >= lambdaMinClipped).length;
  switch (spacing) {
    case "linspace":
      return Array.from({ length: steps }, (_, i) => roundHalfEven((steps - i) * ((last - 1) / steps)));
    case "leading": {
      const ratio = Math.floor(last / (steps + 1));
      if (steps * ratio + stepsOffset >= total)
        throw new ControlNetError(
          "range",
          `sampler: ${steps} leading steps with offset ${stepsOffset} pass timestep ${total - 1}; use fewer`,
        );
      return Array.from({ length: steps }, (_, i) => (steps - i) * ratio + stepsOffset);
    }
    case "trailing": {
      const ratio = total / steps;
      const count = last === total ? steps : Math.ceil(last / ratio);
      return Array.from({ length: count }, (_, i) => roundHalfEven(last - i * ratio) - 1);
    }
    default:
      throw new ControlNetError(
        "config",
        `sampler: unknown spacing "${String(spacing)}" (known: leading, trailing, linspace)`,
      );
  }
}
