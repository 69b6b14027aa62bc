import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { type FieldGroup, field, fields, stableDiffusionBetas, zeroTerminalSnr } from "./diffusers-class.js";
import type { NoiseSchedule } from "./schedule.js";

/** The option `originalSteps` of samplers of consistency models. */
export const originalStepsOption = z
  .int()
  .min(1)
  .default(50)
  .describe("steps of the solver with which the model was distilled");

/** What the classes of both share. They lay out timesteps of their own, and heed neither spacing nor last alpha. */
export const consistencyFields: readonly FieldGroup[] = [
  stableDiffusionBetas,
  fields({
    beta_schedule: "scaled_linear",
    timestep_spacing: "leading",
    steps_offset: 0,
    set_alpha_to_one: true,
  }),
  field("original_inference_steps", 50, "originalSteps"),
  zeroTerminalSnr,
];

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
