import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { type AutoencoderConfig, autoencoderConfig } from "./config.js";

const size = z
  .int()
  .positive()
  .max(2 ** 20);

/** `first_stage_config.params` of the original code's model yaml. */
const ldmSchema = z.object({
  embed_dim: size,
  ddconfig: z.object({
    double_z: z.literal(true).default(true),
    z_channels: size,
    resolution: size,
    in_channels: size.default(3),
    out_ch: size.default(3),
    ch: size,
    ch_mult: z.array(size).min(1).max(12),
    num_res_blocks: size.max(16),
    attn_resolutions: z.array(z.number()).max(0, "attention outside the middle is not supported").default([]),
  }),
});

/**
 * Reads `first_stage_config.params` of the original code's model yaml.
 * @param scaleFactor `scale_factor` of the whole model
 * @throws ControlNetError `unsupported` naming what this project does not build
 */
export function autoencoderConfigFromLdm(params: unknown, scaleFactor = 0.18215): AutoencoderConfig {
  const where = "autoencoderConfigFromLdm";
  const parsed = ldmSchema.safeParse(params);
  if (!parsed.success)
    throw new ControlNetError(
      "unsupported",
      `${where}: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`,
    );
  const { embed_dim: embedded, ddconfig } = parsed.data;
  const { z_channels: latent, in_channels: channelsIn, out_ch: channelsOut, ch_mult: multiples } = ddconfig;
  if (embedded !== latent || channelsIn !== channelsOut || multiples[0] !== 1)
    throw new ControlNetError(
      "unsupported",
      `${where}: expected embed_dim = z_channels, in_channels = out_ch and ch_mult[0] = 1, got ${embedded} and ${latent}, ${channelsIn} and ${channelsOut}, ${multiples[0]}`,
    );
  return autoencoderConfig({
    imageChannels: channelsIn,
    latentChannels: latent,
    channels: multiples.map((multiple) => multiple * ddconfig.ch),
    blocksPerLevel: ddconfig.num_res_blocks,
    scalingFactor: scaleFactor,
    sampleSize: ddconfig.resolution,
  });
}
