import { type Autoencoder, type AutoencoderConfig, createAutoencoder } from "@controlnet-js/autoencoder";
import { disposeTree, leavesOf, randomInitializer, treeLike } from "@controlnet-js/core";
import { createTextEncoder, type TextEncoderConfig } from "@controlnet-js/text-encoder";
import { createUNet, type UNetConfig } from "@controlnet-js/unet";
import { type Tensor, tensor, tensor1d, zerosLike } from "@tensorflow/tfjs-core";
import type { TextToImageModels } from "./losses.js";

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

/** Convolutions that bring the main path from one size or width to another. */
const onMainPath = /(convolutionIn|skip|resample|quantConvolution|postQuantConvolution)\.kernel$/i;
/** The last convolution of each residual branch. */
const endsBranch = /convolution2\.kernel$/;

/**
 * A new autoencoder that begins as a pass-through: every convolution of the main path also hands each channel on
 * (averaged where it shrinks the picture), and residual branches start small. From random weights alone, the colours of
 * small things take thousands of steps to arrive, since encoder and decoder must find them together.
 * @returns a tree of new tensors; the caller disposes both
 */
function passThrough<P>(params: P): P {
  const leaves = leavesOf(params).map(({ path, value }): Tensor => {
    const values = Float32Array.from(value.dataSync());
    if (endsBranch.test(path))
      return tensor(
        values.map((x) => 0.2 * x),
        value.shape,
      );
    if (!onMainPath.test(path)) return tensor(values, value.shape);
    const [height, width, inChannels, outChannels] = value.shape as [number, number, number, number];
    const shrinks = /encoder.*resample/.test(path);
    for (let tap = 0; tap < height * width; tap++) {
      const centre = tap === Math.floor((height * width) / 2);
      const weight = shrinks ? 1 / (height * width) : centre ? 1 : 0;
      for (let c = 0; c < Math.min(inChannels, outChannels); c++)
        values[(tap * inChannels + c) * outChannels + c]! += weight;
    }
    return tensor(values, value.shape);
  });
  return treeLike(params, leaves);
}
