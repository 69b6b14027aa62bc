import { ControlNetError, unknownName } from "@controlnet-js/core";
import * as z from "zod";
import type { NoiseSchedule } from "./schedule.js";

const spacings = ["leading", "trailing", "linspace"] as const;

/** How inference timesteps are spread over the training timesteps (Lin et al. 2023, table 2). */
export type Spacing = (typeof spacings)[number];

/** The options of {@link timesteps}, as those of a sampler. */
export const spacingOptions = (standard: Spacing) => ({
  spacing: z.enum(spacings).default(standard).describe("how timesteps are spread over those of training"),
  stepsOffset: z.int().min(0).default(1).describe("added to leading timesteps"),
});

/** Python's and numpy's rounding: halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * The `steps` timesteps at which the model is asked, descending.
 *
 * - `"leading"`: `i * floor(T / steps) + stepsOffset`; Stable Diffusion's, with offset 1.
 * - `"trailing"`: `round(T - i * T / steps) - 1`; begins at the last timestep.
 * - `"linspace"`: `round(linspace(0, T - 1, steps))`.
 *
 * @throws ControlNetError `range` for a bad step count or timesteps past the schedule's end
 */
export function timesteps(
  schedule: Pick<NoiseSchedule, "trainTimesteps">,
  steps: number,
  spacing: Spacing = "leading",
  { stepsOffset = 1 }: { stepsOffset?: number } = {},
): number[] {
  const total = schedule.trainTimesteps;
  assertSteps(steps, total);
  switch (spacing) {
    case "leading": {
      const ratio = Math.floor(total / steps);
      const last = (steps - 1) * ratio + stepsOffset;
      if (last >= total || stepsOffset < 0)
        throw new ControlNetError(
          "range",
          `timesteps: ${steps} leading steps with offset ${stepsOffset} reach timestep ${last} of 0-${total - 1}; ` +
            `use fewer steps, stepsOffset 0 or spacing "trailing"`,
        );
      return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * ratio + stepsOffset);
    }
    case "trailing":
      return Array.from({ length: steps }, (_, i) => roundHalfEven(total - i * (total / steps)) - 1);
    case "linspace":
      return Array.from({ length: steps }, (_, i) =>
        steps === 1 ? 0 : roundHalfEven((steps - 1 - i) * ((total - 1) / (steps - 1))),
      );
    default:
      throw new ControlNetError(
        "config",
        `timesteps: unknown spacing ${unknownName(spacing, ["leading", "trailing", "linspace"])}`,
      );
  }
}

/**
 * The uniform timesteps of the original latent diffusion code, descending: `range(0, T, floor(T / steps)) + 1`.
 * Where `steps` does not divide T there are more of them than asked for: 31 for 30.
 */
export function ldmTimesteps(schedule: Pick<NoiseSchedule, "trainTimesteps">, steps: number): number[] {
  const total = schedule.trainTimesteps;
  assertSteps(steps, total);
  const ratio = Math.floor(total / steps);
  const found: number[] = [];
  for (let t = 0; t < total; t += ratio) found.unshift(t + 1);
  if (found[0]! >= total)
    throw new ControlNetError(
      "range",
      `ldmTimesteps: ${steps} steps reach timestep ${found[0]} of 0-${total - 1}`,
    );
  return found;
}

function assertSteps(steps: number, total: number): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > total)
    throw new ControlNetError("range", `timesteps: expected 1 to ${total} steps, got ${steps}`);
}
