import { type Autoencoder, type AutoencoderConfig, createAutoencoder } from "@controlnet-js/autoencoder";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { createTextEncoder, type TextEncoderConfig } from "@controlnet-js/text-encoder";
import { createUNet, type UNetConfig } from "@controlnet-js/unet";
import { tensor1d, zerosLike } from "@tensorflow/tfjs-core";
import type { TextToImageModels } from "./losses.js";
import { passThrough } from "./pass-through.js";

/** Log variance of every latent at first: little noise, so that weak traces of colour are not drowned. */
const initialLogVariance = -9;

/**
 * What the training of an autoencoder begins with: a pass-through (see {@link passThrough}) whose latents have hardly
 * any noise. The caller disposes it.
 */
export function initialAutoencoder(config: AutoencoderConfig, seed: number): Autoencoder {
  const random = createAutoencoder(config, randomInitializer(seed));
  const params = passThrough(random.params);
  disposeTree(random);
  const last = params.quantConvolution ?? params.encoder.convolutionOut;
  const { latentChannels } = config;
  last.bias?.dispose();
  last.bias = tensor1d(
    Array.from({ length: 2 * latentChannels }, (_, i) => (i < latentChannels ? 0 : initialLogVariance)),
  );
  return { params, config };
}

/**
 * What the training of a text-to-image model begins with: random weights, but for the last convolution, which is zero,
 * so that the first prediction is no noise at all. The caller disposes it.
 */
export function initialTextToImage(
  configs: { unet: UNetConfig; text: TextEncoderConfig },
  seed: number,
): TextToImageModels {
  const unet = createUNet(configs.unet, randomInitializer(seed));
  const text = createTextEncoder(configs.text, randomInitializer(seed + 1));
  const { kernel } = unet.params.output;
  unet.params.output.kernel = zerosLike(kernel);
  kernel.dispose();
  return { unet, text };
}
