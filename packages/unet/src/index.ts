export { blocksAt, type UNetConfig, unetConfig, unetConfigSchema } from "./config.js";
export { sharedDiffusersConfig, unetConfigFromDiffusers, unetConfigToDiffusers } from "./diffusers-config.js";
export {
  type AdditionalResiduals,
  type Encoded,
  type UNetInputs,
  unet,
  unetDecoder,
  unetEncoder,
} from "./forward.js";
export { embedGuidance } from "./guidance-embedding.js";
export { encoderKeyRows, type UNetKeys, unetKeyRows } from "./keys.js";
export {
  createEncoder,
  createUNet,
  type DecoderLevel,
  type EncoderLevel,
  type EncoderParams,
  skipChannels,
  type UNet,
  type UNetParams,
} from "./params.js";
