import { type ControlNetConfig, type ControlNetParams, controlledUNet } from "@controlnet-js/controlnet";
import { encodeText, type TextEncoder, type TextEncoderConfig } from "@controlnet-js/text-encoder";
import { type UNetConfig, type UNetParams, unet } from "@controlnet-js/unet";
import {
  mean,
  type Scalar,
  square,
  sub,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import type { DiffusionBatch } from "./diffusion-batch.js";

/** Mean squared error, the diffusion loss `E || eps - eps_theta(z_t, t, c) ||^2` (paper, eq. 5). */
export const squaredError = (output: Tensor, target: Tensor): Scalar =>
  mean(square(sub(output, target))) as Scalar;

/** A batch for a text-to-image model whose text encoder is trained as well. */
export interface TextToImageBatch extends DiffusionBatch {
  /** int32 [batch, tokens]. */
  tokens: Tensor2D;
}

/** The parameters that are trained together. */
export interface TextToImageParams {
  unet: UNetParams;
  text: TextEncoder;
}

/** The diffusion loss of U-Net and text encoder. */
export function textToImageLoss(
  params: TextToImageParams,
  configs: { unet: UNetConfig; text: TextEncoderConfig },
  { latents, timesteps, target, tokens }: TextToImageBatch,
): Scalar {
  const context = encodeText(params.text, configs.text, tokens);
  return squaredError(unet(params.unet, configs.unet, { latents, timesteps, context }), target);
}

/** A batch for a ControlNet. */
export interface ControlBatch extends DiffusionBatch {
  /** Text embeddings [batch, tokens, features], the empty prompt's where it was dropped. */
  context: Tensor3D;
  /** Control maps [batch, height, width, channels] in [0, 1]. */
  map: Tensor4D;
}

/** The diffusion loss of a ControlNet on its locked U-Net (paper, eq. 5). */
export function controlNetLoss(
  params: ControlNetParams,
  config: ControlNetConfig,
  locked: UNetParams,
  { latents, timesteps, target, context, map }: ControlBatch,
): Scalar {
  const inputs = { latents, timesteps, context };
  return squaredError(controlledUNet(locked, config.unet, params, config, inputs, map), target);
}
