export { addNoise, noiseCoefficients, velocity } from "./add-noise.js";
export { type DdimOptions, ddim, sampleDdim } from "./ddim.js";
export { type DdpmOptions, ddpm, sampleDdpm } from "./ddpm.js";
export { initialNoise, type NoiseKeys, type NoiseSource, noiseSource } from "./noise-source.js";
export type { Denoiser, Plan, StepContext, StepResult } from "./plan.js";
export { interpret, type Linear } from "./prediction.js";
export {
  disposeState,
  type RunOptions,
  type SamplerState,
  type StepInfo,
  sample,
  startLevel,
} from "./sample.js";
export {
  alphaCumprodAt,
  createSchedule,
  levelOf,
  type NoiseLevel,
  type NoiseSchedule,
  type Prediction,
  type ScheduleOptions,
} from "./schedule.js";
export { ldmTimesteps, type Spacing, timesteps } from "./timesteps.js";
