export {
  type AutoencoderConfig,
  autoencoderConfig,
  autoencoderConfigSchema,
  downscaling,
} from "./config.js";
export { decode, encode } from "./forward.js";
export { klDivergence, type Moments, sampleLatent, scaleLatents, unscaleLatents } from "./latents.js";
export {
  type Autoencoder,
  createAutoencoder,
  type Decoder,
  type Encoder,
  type Level,
  type Middle,
} from "./parameters.js";
