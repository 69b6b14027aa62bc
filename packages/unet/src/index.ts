// The forward pass: whole, or its halves around the links of a ControlNet
export {
  type AdditionalResiduals,
  type Encoded,
  type UNetInputs,
  unet,
  unetDecoder,
  unetEncoder,
} from "./forward.js";
export { embedGuidance } from "./guidance-embedding.js";

// The network
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
export { blocksAt, type UNetConfig, unetConfig, unetConfigSchema } from "./config.js";

// Its files
export { sharedDiffusersConfig, unetConfigFromDiffusers, unetConfigToDiffusers } from "./diffusers-config.js";
export { encoderKeyRows, type UNetKeys, unetKeyRows } from "./keys.js";
