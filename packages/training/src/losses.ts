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
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import type { DiffusionBatch } from "./diffusion-batch.js";

/**
 * How far a model's output is from its target, both [batch, height, width, channels]: a mean over the batch. Runs inside
 * `jit`, so it must not read values. One that leaves `weights` out leaves out what they weigh (`minSnr`).
 */
export type DiffusionLoss = (
  output: Tensor4D,
  target: Tensor4D,
  batch: Pick<DiffusionBatch, "timesteps" | "weights">,
) => Scalar;

/** Mean squared error, the diffusion loss `E || eps - eps_theta(z_t, t, c) ||^2` (paper, eq. 5). */
export function squaredError(
  output: Tensor4D,
  target: Tensor4D,
  { weights }: Pick<DiffusionBatch, "weights"> = {},
): Scalar {
  const squares = square(sub(output, target));
  if (!weights) return mean(squares) as Scalar;
  return mean(mul(mean(squares, [1, 2, 3]), weights)) as Scalar;
}

/** How a loss is computed. */
export interface LossOptions {
  /** Default {@link squaredError}. */
  loss?: DiffusionLoss;
  /** Keeps the U-Net's block inputs only for the backward pass and runs each block again: less memory, more time. */
  gradientCheckpointing?: boolean;
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

/** The diffusion loss of U-Net and text encoder. */
export function textToImageLoss(
  models: TextToImageModels,
  { latents, timesteps, tokens, ...batch }: TextToImageBatch,
  { loss = squaredError, gradientCheckpointing = false }: LossOptions = {},
): Scalar {
  const context = encodeText(models.text, tokens);
  const run = gradientCheckpointing ? checkpointBlock : runBlock;
  const output = unet(models.unet, { latents, timesteps, context }, undefined, run);
  return loss(output, batch.target, { ...batch, timesteps });
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
  { target, map, weights, ...inputs }: ControlBatch,
  { loss = squaredError, gradientCheckpointing = false }: LossOptions = {},
): Scalar {
  const output = controlledUNet(locked, net, inputs, map, { checkpointing: gradientCheckpointing });
  return loss(output, target, { timesteps: inputs.timesteps, ...(weights && { weights }) });
}
