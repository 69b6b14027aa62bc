import * as z from "zod";
import { partOf } from "./define-sampler.js";
import type { NoiseSchedule } from "./schedule.js";
import {
  finalSigmaOption,
  sigmaAt,
  spreadEnds,
  spreadOption,
  spreadSigmas,
  timestepAt,
  trainingSigmas,
} from "./sigmas.js";
import { roundHalfEven, spacingOptions, timesteps } from "./timesteps.js";

/** Options of the samplers that integrate over sigma, in the scale where a latent is `clean + sigma noise`. */
export const sigmaOptions = z.object({
  ...spacingOptions("linspace"),
  sigmas: spreadOption,
  ...spreadEnds,
  interpolation: z
    .enum(["linear", "log"])
    .default("linear")
    .describe("how sigma lies between two training timesteps: linear as in diffusers, log as in k-diffusion"),
  finalSigma: finalSigmaOption,
});

/** {@link sigmaOptions} as given, with the steps. */
export type SigmaOptions = z.input<typeof sigmaOptions> & { steps: number };

/** Noise levels with their timesteps. */
export interface SigmaGrid {
  /** `steps + 1` noise levels, the last one the end. */
  sigmas: number[];
  /** `steps` timesteps, real where a sigma lies between two training timesteps. */
  timesteps: number[];
  /** Standard normal noise times this is the latent to begin with. */
  initialScale: number;
}

/**
 * The grid of Euler, Heun, DPM2 and LMS. Timesteps of `"linspace"` are real numbers here, and sigma is linear
 * between the training timesteps, as in diffusers' ports of k-diffusion; `interpolation: "log"` is k-diffusion's own.
 */
export function sigmaGrid(schedule: NoiseSchedule, options: SigmaOptions, roundKarras = false): SigmaGrid {
  const { steps } = options;
  const { spacing, stepsOffset, interpolation, finalSigma } = partOf("sigmaGrid", sigmaOptions, options);
  const table = trainingSigmas(schedule);
  let asked = timesteps(schedule, steps, spacing, { stepsOffset });
  if (spacing === "linspace" && steps > 1)
    asked = asked.map((_, i) => (steps - 1 - i) * ((schedule.trainTimesteps - 1) / (steps - 1)));
  const between = interpolation === "log" ? table.map(Math.log) : table;
  let sigmas = asked.map((t) => sigmaAt(between, t));
  if (interpolation === "log") sigmas = sigmas.map(Math.exp);
  if (options.sigmas) {
    const { sigmaMax = sigmas[0]!, sigmaMin = sigmas.at(-1)! } = options;
    sigmas = spreadSigmas(options.sigmas, sigmaMax, sigmaMin, steps);
    asked = sigmas.map((sigma) => timestepAt(table, sigma));
    if (options.sigmas === "lu" || (options.sigmas === "karras" && roundKarras))
      asked = asked.map(roundHalfEven);
  }
  const highest = Math.max(...sigmas);
  return {
    sigmas: [...sigmas, finalSigma === "zero" ? 0 : table[0]!],
    timesteps: asked,
    initialScale: spacing === "leading" ? Math.hypot(highest, 1) : highest,
  };
}
