// A ControlNet in one call

export {
  type BaseModel,
  type ControlTraining,
  type ControlTrainingOptions,
  openControlTraining,
  type TrainControlNetOptions,
  type TrainedControlNet,
  trainControlNet,
} from "./train-control-net.js";

// The loop, how it is told to run, and what it tells

export { runTraining } from "./run-training.js";
export type { TrainingListener, TrainingOptions, TrainingResult } from "./training-options.js";
export type { TrainingTask, ValidationGoal, ValidationReport } from "./training-task.js";

// Optimisers and learning rates

export {
  constantRate,
  cosineRate,
  linearRate,
  type Schedule,
  type ScheduleOptions,
  schedules,
} from "./learning-rate.js";
export { type AdamWOptions, adamW, type Optimizer, type OptimizerInputs } from "./optimizer.js";

// Losses

export type { DiffusionBatch, NoisingOptions } from "./diffusion-batch.js";
export {
  type ControlBatch,
  controlNetLoss,
  type DiffusionLoss,
  type LossOptions,
  squaredError,
  type TextToImageBatch,
  type TextToImageModels,
  type TextToImageParams,
} from "./losses.js";

// Whether the hint is used

export { convergenceStep, type HintUse, hintUse, hintUsedFrom, linkNorm, untilHintUsed } from "./hint-use.js";

// What is trained, in parts of one's own

export { loadAutoencoder } from "./autoencoder-folder.js";
export type { AutoencoderBatch, AutoencoderLossWeights } from "./autoencoder-loss.js";
export { type AutoencoderTask, type AutoencoderTaskOptions, autoencoderTask } from "./autoencoder-task.js";
export { type ControlTaskOptions, controlTask } from "./control-task.js";
export { initialAutoencoder, initialTextToImage } from "./initial-weights.js";
export {
  createHeldOutLoss,
  type HeldOutLoss,
  type HeldOutLossOptions,
  type TextToImageTaskOptions,
  textToImageTask,
} from "./text-to-image-task.js";

// One step

export {
  createTrainState,
  createTrainStep,
  type StepReport,
  type TrainState,
  type TrainStep,
  type TrainStepOptions,
  type UpdateOptions,
} from "./train-step.js";

// Latents and embeddings, each computed once

export { type CacheOptions, type Caches, openCaches } from "./caches.js";
export { type HalfStore, openHalfStore } from "./half-store.js";
export { createLatentCache, type LatentCache } from "./latent-cache.js";
export { createTextCache, type TextCache } from "./text-cache.js";

// Checkpoints of a run

export { checkpointSteps, type FoundCheckpoint, findCheckpoint } from "./run-state.js";

// Several processes, and TensorBoard

export { type EventImage, EventWriter } from "./event-file.js";
export type { ProcessGroup } from "./process-group.js";
