import {
  ControlNetError,
  convolution,
  groupNorm,
  multiHeadAttention,
  type ResidualBlock,
  residualBlock,
  silu,
  upsample,
} from "@controlnet-js/core";
import { add, clipByValue, reshape, split, type Tensor3D, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import { type AutoencoderConfig, downscaling } from "./config.js";
import type { Moments } from "./latents.js";
import type { Autoencoder, Middle } from "./parameters.js";

const epsilon = 1e-6;

/**
 * The distribution of the latent of each picture.
 * @param images [batch, height, width, imageChannels] in [-1, 1]; sides multiples of {@link downscaling}
 * @returns mean and log variance, each [batch, height / f, width / f, latentChannels], unscaled; the caller disposes
 * @throws ControlNetError `shape` for other sides or channels
 */
export function encodeImages(autoencoder: Autoencoder, images: Tensor4D): Moments {
  checkImages("encodeImages", autoencoder, images);
  return tidy(() => ({ ...splitMoments(encodeUnsplit(autoencoder, images)) }));
}

/** @throws ControlNetError `shape` for pictures that the encoder can't take */
export function checkImages(where: string, { config }: Autoencoder, images: Tensor4D): void {
  const factor = downscaling(config);
  const [, height, width, channels] = images.shape;
  if (channels !== config.imageChannels || height % factor !== 0 || width % factor !== 0)
    throw new ControlNetError(
      "shape",
      `${where}: expected pictures of ${config.imageChannels} channels whose sides are multiples of ${factor}, got [${images.shape}]`,
    );
}

/** Mean and unclamped log variance side by side: [batch, height / f, width / f, 2 latentChannels]. */
export function encodeUnsplit({ params, config }: Autoencoder, images: Tensor4D): Tensor4D {
  const { encoder, quantConvolution } = params;
  return tidy(() => {
    let h = convolution(images, encoder.convolutionIn);
    for (const { residual, resample } of encoder.levels) {
      for (const block of residual) h = resnet(h, block, config);
      if (resample) h = convolution(h, resample, { stride: 2, padding: "down-right" });
    }
    h = runMiddle(h, encoder.middle, config);
    h = convolution(silu(groupNorm(h, encoder.normOut, config.groups, epsilon)), encoder.convolutionOut);
    return quantConvolution ? convolution(h, quantConvolution) : h;
  });
}

/** The moments from what {@link encodeUnsplit} gives; runs inside `tidy`. */
export function splitMoments(both: Tensor4D): Moments {
  const [mean, logVariance] = split(both, 2, 3) as [Tensor4D, Tensor4D];
  return { mean, logVariance: clipByValue(logVariance, -30, 20) };
}

/**
 * The picture of each latent.
 * @param latents [batch, height, width, latentChannels], unscaled, as {@link encodeImages} gives them; what a diffusion
 * model works on goes through `unscaleLatents` first
 * @returns [batch, height * f, width * f, imageChannels], about [-1, 1], not clipped; the caller disposes
 * @throws ControlNetError `shape` for other channels
 */
export function decodeLatents({ params, config }: Autoencoder, latents: Tensor4D): Tensor4D {
  if (latents.shape[3] !== config.latentChannels)
    throw new ControlNetError(
      "shape",
      `decodeLatents: expected latents of ${config.latentChannels} channels, got [${latents.shape}]`,
    );
  const { decoder, postQuantConvolution } = params;
  return tidy(() => {
    let h = postQuantConvolution ? convolution(latents, postQuantConvolution) : latents;
    h = runMiddle(convolution(h, decoder.convolutionIn), decoder.middle, config);
    for (const { residual, resample } of decoder.levels) {
      for (const block of residual) h = resnet(h, block, config);
      if (resample) h = upsample(h, resample);
    }
    return convolution(silu(groupNorm(h, decoder.normOut, config.groups, epsilon)), decoder.convolutionOut);
  });
}

const resnet = (
  x: Tensor4D,
  block: ResidualBlock,
  { groups, activation = "silu" }: AutoencoderConfig,
): Tensor4D => residualBlock(x, block, undefined, { groups, epsilon, activation });

function runMiddle(
  x: Tensor4D,
  { residual1, attention, residual2 }: Middle,
  config: AutoencoderConfig,
): Tensor4D {
  let h = resnet(x, residual1, config);
  if (attention) {
    const [batch, height, width, channels] = h.shape;
    const pixels: Tensor3D = reshape(groupNorm(h, attention.norm, config.groups, epsilon), [
      batch,
      height * width,
      channels,
    ]);
    h = add(h, reshape(multiHeadAttention(pixels, attention, 1), h.shape));
  }
  return resnet(h, residual2, config);
}
