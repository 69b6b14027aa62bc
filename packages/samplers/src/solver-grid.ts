import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { partOf } from "./define-sampler.js";
import { thresholdOption } from "./limit.js";
import type { NoiseSchedule } from "./schedule.js";
import type { SigmaGrid } from "./sigma-grid.js";
import {
  finalSigmaOption,
  sigmaAt,
  spreadEnds,
  spreadOption,
  spreadSigmas,
  trainingSigmas,
} from "./sigmas.js";
import { roundHalfEven, spacingOptions } from "./timesteps.js";
import { wholeTimesteps } from "./whole-timesteps.js";

/** Options of the exponential integrators (DPM-Solver, DEIS, UniPC), which work at unit variance. */
export const solverOptions = z.object({
  ...spacingOptions("linspace"),
  sigmas: spreadOption,
  ...spreadEnds,
  finalSigma: finalSigmaOption,
  threshold: thresholdOption,
  lambdaMinClipped: z
    .union([z.number(), z.literal(Number.NEGATIVE_INFINITY)])
    .default(Number.NEGATIVE_INFINITY)
    .describe("begin below the timesteps whose log(alpha / sigma) is less; -5.1 for cosine schedules"),
  karrasTimesteps: z
    .enum(["round", "floor"])
    .default("round")
    .describe("how the timesteps of Karras sigmas become whole"),
});

/** The option `order` of solvers that use up to three model outputs. */
export const orderOption = z
  .literal([1, 2, 3], "expected order 1, 2 or 3")
  .default(2)
  .describe("how many model outputs a step uses");

/** The option `lowerOrderFinal` of multistep solvers. */
export const lowerOrderFinalOption = z
  .boolean()
  .default(true)
  .describe("lower the order in the last steps of runs under 15 steps");

/** {@link solverOptions} as given, with the steps. */
export type SolverOptions = z.input<typeof solverOptions> & { steps: number };

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
  const { steps } = options;
  const complete = partOf("solverGrid", solverOptions, options);
  const { finalSigma, karrasTimesteps } = complete;
  const table = trainingSigmas(schedule);
  let asked = solverTimesteps(schedule, table, steps, complete);
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

function solverTimesteps(
  schedule: NoiseSchedule,
  table: Float64Array,
  steps: number,
  { spacing, stepsOffset, lambdaMinClipped }: z.output<typeof solverOptions>,
): number[] {
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
  }
}
