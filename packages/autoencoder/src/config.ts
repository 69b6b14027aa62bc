import { activationNames, ControlNetError } from "@controlnet-js/core";
import * as z from "zod";

/** Far above what is published: a config's number must not decide how long reading takes. */
const size = z
  .int()
  .positive()
  .max(2 ** 20);

/** The shape of a KL autoencoder (Rombach et al., 2022, appendix G). The defaults are those of Stable Diffusion 1 and 2. */
export const autoencoderConfigSchema = z.strictObject({
  /** Channels of a picture. */
  imageChannels: size.default(3).describe("channels of a picture"),
  /** Channels of a latent. */
  latentChannels: size.default(4).describe("channels of a latent"),
  /** Channels of each level, the finest first. Each level but the last halves the sides. */
  channels: z
    .array(size)
    .min(1)
    .max(12)
    .default([128, 256, 512, 512])
    .describe("channels of each level, finest first; a picture shrinks by 2^(levels - 1)"),
  /** Residual blocks of each encoder level; a decoder level has one more. */
  blocksPerLevel: size
    .max(16)
    .default(2)
    .describe("residual blocks of each encoder level; a decoder level has one more"),
  /** Of the residual blocks; the last norm of encoder and decoder always goes through SiLU. */
  activation: z.enum(activationNames).optional().describe("of the residual blocks; default silu"),
  groups: size.default(32).describe("groups of every group norm"),
  middleAttention: z.boolean().default(true).describe("whether the middle blocks attend over all pixels"),
  /** Whether a 1x1 convolution follows the encoder. */
  quantConvolution: z.boolean().default(true).describe("whether a 1x1 convolution follows the encoder"),
  /** Whether a 1x1 convolution precedes the decoder. */
  postQuantConvolution: z.boolean().default(true).describe("whether a 1x1 convolution precedes the decoder"),
  /** A diffusion model sees `(latent - shiftFactor) * scalingFactor`. */
  scalingFactor: z
    .number()
    .positive()
    .default(0.18215)
    .describe("factor that brings latents to unit variance"),
  shiftFactor: z.number().default(0).describe("taken off before scaling"),
  /** The picture side that the model was trained on. */
  sampleSize: size.default(512).describe("picture side that the model was trained on"),
});

/** A complete, checked autoencoder config. */
export type AutoencoderConfig = z.output<typeof autoencoderConfigSchema>;

/**
 * Fills in the defaults and checks the whole.
 * @throws ControlNetError `config` naming each wrong or unknown key
 */
export function autoencoderConfig(config: z.input<typeof autoencoderConfigSchema> = {}): AutoencoderConfig {
  const result = autoencoderConfigSchema.safeParse(config);
  if (!result.success)
    throw new ControlNetError("config", `autoencoderConfig: ${z.prettifyError(result.error)}`);
  const { channels, groups } = result.data;
  for (const count of channels)
    if (count % groups !== 0)
      throw new ControlNetError(
        "config",
        `autoencoderConfig: channels ${count} don't divide into ${groups} norm groups; choose multiples of ${groups}`,
      );
  return result.data;
}

/** How many times smaller a latent's sides are than its picture's: 8 for Stable Diffusion. */
export const downscaling = (config: AutoencoderConfig): number => 2 ** (config.channels.length - 1);
