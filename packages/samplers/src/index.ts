// Noise schedules
export {
  createSchedule,
  levelOf,
  type NoiseLevel,
  type NoiseSchedule,
  type Prediction,
  type ScheduleOptions,
} from "./schedule.js";
export { addNoise, noiseCoefficients, velocity } from "./add-noise.js";
export { interpret, type LinearForm, trainingTarget } from "./prediction.js";

// Samplers by name: each makes a plan
export { type SamplerName, samplerByName, samplerNameOf, samplers } from "./sampler-table.js";

// Running a plan
export {
  disposeState,
  isAllFinite,
  type RunOptions,
  type SamplerState,
  type StepInfo,
  sample,
  startLevel,
} from "./sample.js";
export { initialNoise, type NoiseKeys, type NoiseSource, noiseSource } from "./noise-source.js";

// diffusers' scheduler_config.json
export {
  planFromConfig,
  readSchedulerConfig,
  type SchedulerConfig,
  type SchedulerJson,
  stableDiffusionConfig,
  switchSampler,
  writeSchedulerConfig,
} from "./scheduler-config.js";

// A sampler of your own
export {
  type DefinedSampler,
  defineSampler,
  type SamplerOptions,
  type SamplerSpec,
} from "./define-sampler.js";
export {
  type Denoiser,
  oneCallPerStep,
  type Plan,
  type Sampler,
  type StepContext,
  type StepResult,
  twoCallsPerStep,
} from "./plan.js";
export { type Evaluation, evaluate } from "./evaluate.js";
export { combine, type Term } from "./combine.js";
export { type Spacing, spacingOptions, timesteps } from "./timesteps.js";
export { type SigmaGrid, type SigmaOptions, sigmaGrid, sigmaOptions } from "./sigma-grid.js";
export { type SigmaSpread, unitLevelOf } from "./sigmas.js";
export { type SolverOptions, solverGrid, solverOptions } from "./solver-grid.js";
export type { LimitOptions } from "./limit.js";
export type { DiffusersClass, FieldGroup } from "./diffusers-class.js";
