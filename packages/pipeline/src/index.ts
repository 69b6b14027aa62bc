export type { Applied, AppliedCall, AppliedControl } from "./applied.js";
export { type ChosenPlan, choosePlan, type SamplerChoice } from "./choose-plan.js";
export type { ClassifierGuidance, LatentGradient } from "./classifier-guidance.js";
export type { CompiledFunctions, CompiledModels } from "./compiled-models.js";
export { assertControlFits, type FitNames } from "./control-fit.js";
export type { ControlInput } from "./control-input.js";
export { isInWindow } from "./control-window.js";
export { rescaleGuidance } from "./guidance-rescale.js";
export { type ActiveNet, guidedPrediction, type PredictionInputs } from "./guided-prediction.js";

export {
  type LinkChoice,
  type LinkScaleOptions,
  type LinkWeighting,
  linkChoices,
  linkCount,
  linkLevels,
  linkScales,
  linkWeightings,
} from "./link-scales.js";
export { type AnyImage, type Pictures, sizeOf } from "./picture.js";
export { encodePrompts } from "./prompt-context.js";
export { defaultPrompt } from "./prompt-settings.js";
export {
  type ControlSettings,
  controlSettings,
  type PromptSetting,
  promptSettings,
  type RunSettings,
  runSettings,
} from "./run-settings.js";
export { type CompiledPipeline, compilePipeline, textToImage } from "./text-to-image.js";
export type {
  Captioner,
  InitialImage,
  TextToImageOptions,
  TextToImageResult,
  TextToImageStep,
} from "./text-to-image-options.js";
