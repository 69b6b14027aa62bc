export type { Applied, AppliedCall, AppliedControl } from "./applied.js";
export { type ChosenPlan, choosePlan, type SamplerChoice } from "./choose-plan.js";
export type { ClassifierGuidance, LatentGradient } from "./classifier-guidance.js";
export { type CompiledFunctions, type CompiledPipeline, compilePipeline } from "./compile-pipeline.js";
export { assertControlFits, type FitNames } from "./control-fit.js";
export type { ControlInput } from "./control-input.js";
export { isInWindow } from "./control-window.js";
export { rescaleGuidance } from "./guidance-rescale.js";
export { type ActiveNet, guidedPrediction, type PredictionInputs } from "./guided-prediction.js";
export type { InitialImage } from "./initial-image.js";
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
export { type Captioner, defaultPrompt, type PromptSetting, promptSettings } from "./prompt-settings.js";
export { textToImage } from "./text-to-image.js";
export type { TextToImageOptions, TextToImageResult, TextToImageStep } from "./text-to-image-options.js";
