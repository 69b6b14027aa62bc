import { ControlNetError } from "@controlnet-js/core";
import type { NoiseSchedule } from "./schedule.js";

/**
 * `steps` of the `originalSteps` timesteps with which a consistency model was distilled, descending: those are
 * `i * floor(T / originalSteps) - 1`.
 */
export function consistencyTimesteps(
  schedule: NoiseSchedule,
  steps: number,
  originalSteps: number,
): number[] {
  const total = schedule.trainTimesteps;
  if (!Number.isInteger(steps) || steps < 1 || steps > originalSteps || originalSteps > total)
    throw new ControlNetError(
      "range",
      `sampler: expected 1 to ${originalSteps} steps of a model distilled with ${originalSteps} (${total} in training), got ${steps}`,
    );
  const stride = Math.floor(total / originalSteps);
  return Array.from(
    { length: steps },
    (_, i) => (originalSteps - Math.floor(i * (originalSteps / steps))) * stride - 1,
  );
}
