import * as z from "zod";
import { type FieldGroup, field } from "./diffusers-class.js";
import { alphaCumprodAt, levelOf, type NoiseLevel, type NoiseSchedule } from "./schedule.js";

/** A sampler's option `setAlphaToOne`. */
export const setAlphaToOneOption = z
  .boolean()
  .default(false)
  .describe("the last step goes to abar = 1; false: to abar of timestep 0, as Stable Diffusion does");

/** diffusers' key of {@link setAlphaToOneOption}. */
export const setAlphaToOneField = (standard: boolean): FieldGroup =>
  field("set_alpha_to_one", standard, "setAlphaToOne");

/** Levels by timestep, with the end of the schedule for negative ones. */
export function levelReader(schedule: NoiseSchedule, setAlphaToOne: boolean): (t: number) => NoiseLevel {
  const last = levelOf(setAlphaToOne ? 1 : schedule.alphasCumprod[0]!);
  return (t) => (t < 0 ? last : levelOf(alphaCumprodAt(schedule, t)));
}
