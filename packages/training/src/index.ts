// Training runs: the loop, how it is told to run, and what it tells

export { loadAutoencoder, saveAutoencoder } from "./autoencoder-folder.js";
export type { AutoencoderBatch, AutoencoderLossWeights } from "./autoencoder-loss.js";
export { type AutoencoderTask, type AutoencoderTaskOptions, autoencoderTask } from "./autoencoder-task.js";
// Latents and embeddings, each computed once
export { type CacheOptions, type Caches, openCaches } from "./caches.js";
// What is trained
export { type ControlTaskOptions, controlTask } from "./control-task.js";
export {
  type DiffusionBatch,
  type LatentMoments,
  minSnrWeight,
  type NoisingOptions,
  noisedBatch,
} from "./diffusion-batch.js";
// TensorBoard
export { type EventImage, EventWriter } from "./event-file.js";
export { type HalfStore, openHalfStore } from "./half-store.js";
// Whether the hint is used
export { convergenceStep, type HintUse, hintUse, hintUsedFrom, linkNorm, untilHintUsed } from "./hint-use.js";
export { initialAutoencoder, initialTextToImage } from "./initial-weights.js";
export { createLatentCache, type LatentCache } from "./latent-cache.js";
export {
  constantRate,
  cosineRate,
  linearRate,
  type Schedule,
  type ScheduleOptions,
  schedules,
} from "./learning-rate.js";
// Losses, optimisers and learning rates
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
export { type AdamWOptions, adamW, type Optimizer, type OptimizerInputs } from "./optimizer.js";
// Several processes
export type { ProcessGroup } from "./process-group.js";
// Checkpoints of a run
export { checkpointSteps, type FoundCheckpoint, findCheckpoint } from "./run-state.js";
export { runTraining } from "./run-training.js";
export { createTextCache, type TextCache } from "./text-cache.js";
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
export type { TrainingListener, TrainingOptions, TrainingResult } from "./training-options.js";
export type { TrainingTask, ValidationGoal, ValidationReport } from "./training-task.js";
