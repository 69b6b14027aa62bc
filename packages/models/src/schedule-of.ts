import { createSchedule, type NoiseSchedule, type SchedulerConfig } from "@controlnet-js/samplers";

/** The noise schedule of a scheduler's config, with the roundings of diffusers, whose latents a pipeline agrees with. */
export const scheduleOf = ({ schedule }: SchedulerConfig): NoiseSchedule =>
  createSchedule({ ...schedule, singlePrecision: true });
