export { addNoise, noiseCoefficients, velocity } from "./add-noise.js";
export { combine, type Term } from "./combine.js";
export { ddim } from "./ddim.js";
export { ddpm } from "./ddpm.js";
export {
  type DefinedSampler,
  defineSampler,
  type SamplerOptions,
  type SamplerSpec,
} from "./define-sampler.js";
export { deis } from "./deis.js";
export type { DiffusersClass, FieldGroup } from "./diffusers-class.js";
export { dpmMultistep, dpmMultistepSde } from "./dpm-multistep.js";
export { dpmSde } from "./dpm-sde.js";
export { dpmSinglestep } from "./dpm-singlestep.js";
export { dpm2 } from "./dpm2.js";
export { dpm2Ancestral } from "./dpm2-ancestral.js";
export { euler } from "./euler.js";
export { eulerAncestral } from "./euler-ancestral.js";
export { type Evaluation, evaluate } from "./evaluate.js";
export { heun } from "./heun.js";
export { lcm } from "./lcm.js";
export type { LimitOptions } from "./limit.js";
export { lms } from "./lms.js";
export { initialNoise, type NoiseKeys, type NoiseSource, noiseSource } from "./noise-source.js";
export {
  type Denoiser,
  oneCallPerStep,
  type Plan,
  type Sampler,
  type StepContext,
  type StepResult,
  twoCallsPerStep,
} from "./plan.js";
export { plms } from "./plms.js";
export { pndm } from "./pndm.js";
export { interpret, type LinearForm, trainingTarget } from "./prediction.js";
export {
  disposeState,
  isAllFinite,
  type RunOptions,
  type SamplerState,
  type StepInfo,
  sample,
  startLevel,
} from "./sample.js";
export { type SamplerName, samplerByName, samplerNameOf, samplers } from "./sampler-table.js";
export {
  alphaCumprodAt,
  createSchedule,
  levelOf,
  type NoiseLevel,
  type NoiseSchedule,
  type Prediction,
  type ScheduleOptions,
} from "./schedule.js";
export {
  planFromConfig,
  readSchedulerConfig,
  type SchedulerConfig,
  type SchedulerJson,
  stableDiffusionConfig,
  switchSampler,
  writeSchedulerConfig,
} from "./scheduler-config.js";
export { type SigmaGrid, type SigmaOptions, sigmaGrid, sigmaOptions } from "./sigma-grid.js";
export {
  type SigmaSpread,
  sigmaAt,
  spreadSigmas,
  timestepAt,
  trainingSigmas,
  unitLevelOf,
} from "./sigmas.js";
export { type SolverOptions, solverGrid, solverOptions } from "./solver-grid.js";
export { tcd } from "./tcd.js";
export { ldmTimesteps, type Spacing, spacingOptions, timesteps } from "./timesteps.js";
export { uniPc } from "./unipc.js";
