export { addNoise, noiseCoefficients, velocity } from "./add-noise.js";
export { combine, type Term } from "./combine.js";
export { type DdimOptions, ddim } from "./ddim.js";
export { type DdpmOptions, ddpm } from "./ddpm.js";
export { type DeisOptions, deis } from "./deis.js";
export type { DpmAlgorithm } from "./dpm-coefficients.js";
export { type DpmMultistepOptions, dpmMultistep } from "./dpm-multistep.js";
export { dpmSde } from "./dpm-sde.js";
export { type DpmSinglestepOptions, dpmSinglestep } from "./dpm-singlestep.js";
export { dpm2 } from "./dpm2.js";
export { dpm2Ancestral } from "./dpm2-ancestral.js";
export { euler } from "./euler.js";
export { eulerAncestral } from "./euler-ancestral.js";
export { type Evaluation, evaluate } from "./evaluate.js";
export { type HeunOptions, heun } from "./heun.js";
export { type LcmOptions, lcm } from "./lcm.js";
export type { DynamicThreshold, LimitOptions } from "./limit.js";
export { type LmsOptions, lms } from "./lms.js";
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
export { type PlmsOptions, plms } from "./plms.js";
export { pndm } from "./pndm.js";
export { interpret, type LinearForm, trainingTarget } from "./prediction.js";
export {
  disposeState,
  type RunOptions,
  type SamplerState,
  type StepInfo,
  sample,
  startLevel,
} from "./sample.js";
export {
  dpmMultistepSde,
  type SamplerName,
  type SamplerOptions,
  samplerByName,
  samplerNameOf,
  samplerOptionNames,
  samplers,
} from "./sampler-table.js";
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
export { type SigmaGrid, type SigmaOptions, sigmaGrid } from "./sigma-grid.js";
export {
  type SigmaSpread,
  sigmaAt,
  spreadSigmas,
  timestepAt,
  trainingSigmas,
  unitLevelOf,
} from "./sigmas.js";
export { type SolverOptions, solverGrid } from "./solver-grid.js";
export { type TcdOptions, tcd } from "./tcd.js";
export { ldmTimesteps, type Spacing, timesteps } from "./timesteps.js";
export { type UniPcOptions, uniPc } from "./unipc.js";
