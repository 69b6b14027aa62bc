export {
  type AutoencoderConfig,
  autoencoderConfig,
  autoencoderConfigSchema,
  downscaling,
} from "./config.js";
export { autoencoderConfigFromDiffusers, autoencoderConfigToDiffusers } from "./diffusers-config.js";
export { decodeLatents, encodeImages } from "./forward.js";
export { type AutoencoderKeys, autoencoderKeyRows, autoencoderKeysOf } from "./keys.js";
export { klDivergence, type Moments, sampleLatent, scaleLatents, unscaleLatents } from "./latents.js";
export { autoencoderConfigFromLdm } from "./ldm-config.js";
export {
  type Autoencoder,
  type AutoencoderParams,
  createAutoencoder,
  type Decoder,
  type Encoder,
  type Level,
  type Middle,
} from "./parameters.js";
export { decodeTiled, encodeTiled, type TileOptions } from "./tiled.js";
