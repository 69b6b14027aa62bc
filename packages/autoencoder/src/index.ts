// Images to latents and back, whole or in tiles
export { decodeLatents, encodeImages } from "./forward.js";
export { decodeTiled, encodeTiled, type TileOptions } from "./tiled.js";
export { klDivergence, type Moments, sampleLatent, scaleLatents, unscaleLatents } from "./latents.js";

// The network
export {
  type Autoencoder,
  type AutoencoderParams,
  createAutoencoder,
  type Decoder,
  type Encoder,
  type Level,
  type Middle,
} from "./parameters.js";
export {
  type AutoencoderConfig,
  autoencoderConfig,
  autoencoderConfigSchema,
  downscaling,
} from "./config.js";

// Its files
export { autoencoderConfigFromDiffusers, autoencoderConfigToDiffusers } from "./diffusers-config.js";
export { autoencoderConfigFromLdm } from "./ldm-config.js";
export { type AutoencoderKeys, autoencoderKeyRows, autoencoderKeysOf } from "./keys.js";
