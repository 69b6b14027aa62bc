// The equation: a U-Net with a ControlNet's residuals
export { addResiduals, controlledUNet, controlNet, controlNetFromHint, scaleResiduals } from "./forward.js";

// The network
export { type ControlNet, type ControlNetParams, createControlNet, createControlNetFrom } from "./params.js";
export { encodeHint, type HintEncoder, orientHint } from "./hint-encoder.js";
export {
  type ControlNetConfig,
  type ControlNetOptions,
  controlNetConfig,
  controlNetConfigFromDiffusers,
  controlNetConfigToDiffusers,
  hintDownscaling,
} from "./config.js";

// Its files
export { loadControlNet } from "./load.js";
export { controlNetKeyRows } from "./keys.js";
