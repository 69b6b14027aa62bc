import { type ControlNet, controlledUNet } from "@controlnet-js/controlnet";
import { checkpointBlock, runBlock } from "@controlnet-js/core";
import { encodeText, type TextEncoder, type TextEncoderParams } from "@controlnet-js/text-encoder";
import { type UNet, type UNetParams, unet } from "@controlnet-js/unet";
import {
  mean,
  mul,
  type Scalar,
  square,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import type { DiffusionBatch } from "./diffusion-batch.js";

/**
 * Mean squared error, the diffusion loss `E || eps - eps_theta(z_t, t, c) ||^2` (paper, eq. 5).
 * @param weights of each sample [batch]
 */
export function squaredError(output: Tensor, target: Tensor, weights?: Tensor1D): Scalar {
  const squares = square(sub(output, target));
  if (!weights) return mean(squares) as Scalar;
  const [, ...axes] = squares.shape.map((_, axis) => axis);
  return mean(mul(mean(squares, axes), weights)) as Scalar;
}

/** A batch for a text-to-image model whose text encoder is trained as well. */
export interface TextToImageBatch extends DiffusionBatch {
  /** int32 [batch, tokens]. */
  tokens: Tensor2D;
}

/** The models that are trained together. */
export interface TextToImageModels {
  unet: UNet;
  text: TextEncoder;
}

/** Their parameters. */
export interface TextToImageParams {
  unet: UNetParams;
  text: TextEncoderParams;
}

/** The models with other parameters: those of a step of training. */
export const withParams = (
  { unet, text }: TextToImageModels,
  params: TextToImageParams,
): TextToImageModels => ({
  unet: { ...unet, params: params.unet },
  // A text model of a pipeline holds a tokenizer, too, which no compiled function takes.
  text: { params: params.text, config: text.config },
});

/** How a loss is computed. */
export interface LossOptions {
  /** Keeps the U-Net's block inputs only for the backward pass and runs each block again: less memory, more time. */
  checkpointing?: boolean;
}

/** The diffusion loss of U-Net and text encoder. */
export function textToImageLoss(
  models: TextToImageModels,
  { latents, timesteps, target, weights, tokens }: TextToImageBatch,
  { checkpointing = false }: LossOptions = {},
): Scalar {
  const context = encodeText(models.text, tokens);
  const run = checkpointing ? checkpointBlock : runBlock;
  const output = unet(models.unet, { latents, timesteps, context }, undefined, run);
  return squaredError(output, target, weights);
}

/** A batch for a ControlNet. */
export interface ControlBatch extends DiffusionBatch {
  /** Text embeddings [batch, tokens, features], the empty prompt's where it was dropped. */
  context: Tensor3D;
  /** Control maps [batch, height, width, channels] in [0, 1], -1 in the hole of an inpainting map. */
  map: Tensor4D;
  /** For a locked U-Net that was distilled for any guidance: that of the loss, embedded [1, guidanceChannels]. */
  guidance?: Tensor2D;
}

/** The diffusion loss of a ControlNet on its locked U-Net (paper, eq. 5). */
export function controlNetLoss(
  net: ControlNet,
  locked: UNet,
  { target, map, ...inputs }: ControlBatch,
  options: LossOptions = {},
): Scalar {
  const output = controlledUNet(locked, net, inputs, map, options);
  return squaredError(output, target);
}
