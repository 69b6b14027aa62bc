import { ControlNetError, nearestName } from "@controlnet-js/core";
import * as z from "zod";
import { type AutoencoderConfig, autoencoderConfig } from "./config.js";

const size = z
  .int()
  .positive()
  .max(2 ** 20);

/** The parts of diffusers' `config.json` of an AutoencoderKL; what this project does not build is refused by value. */
const diffusersSchema = z.strictObject({
  act_fn: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["silu", "swish", "gelu", "mish", "relu"]))
    .default("silu"),
  block_out_channels: z.array(size).min(1).max(12).default([64]),
  down_block_types: z.array(z.literal("DownEncoderBlock2D")).default(["DownEncoderBlock2D"]),
  force_upcast: z.unknown().optional(),
  in_channels: size.default(3),
  latent_channels: size.default(4),
  latents_mean: z.null().optional(),
  latents_std: z.null().optional(),
  layers_per_block: size.max(16).default(1),
  mid_block_add_attention: z.boolean().default(true),
  norm_num_groups: size.default(32),
  out_channels: size.default(3),
  sample_size: z.union([size, z.array(size)]).nullish(),
  scaling_factor: z.number().positive().default(0.18215),
  shift_factor: z.number().nullish(),
  up_block_types: z.array(z.literal("UpDecoderBlock2D")).default(["UpDecoderBlock2D"]),
  use_post_quant_conv: z.boolean().default(true),
  use_quant_conv: z.boolean().default(true),
});

/**
 * Reads diffusers' `config.json` of an AutoencoderKL.
 * @throws ControlNetError `unsupported` naming each value that this project does not build, `config` for unknown keys
 */
export function autoencoderConfigFromDiffusers(json: unknown): AutoencoderConfig {
  const where = "autoencoderConfigFromDiffusers";
  if (typeof json !== "object" || json === null)
    throw new ControlNetError(
      "config",
      `${where}: expected an object, got ${json === null ? "null" : typeof json}`,
    );
  const { _class_name: className = "AutoencoderKL" } = json as { _class_name?: unknown };
  if (className !== "AutoencoderKL")
    throw new ControlNetError("unsupported", `${where}: expected an AutoencoderKL, got ${className}`);
  const fields = Object.fromEntries(Object.entries(json).filter(([key]) => !key.startsWith("_")));
  const known = Object.keys(diffusersSchema.shape);
  for (const key of Object.keys(fields))
    if (!known.includes(key))
      throw new ControlNetError(
        "config",
        `${where}: unknown key "${key}"; the nearest known one is "${nearestName(key, known) ?? known[0]}"`,
      );
  const parsed = diffusersSchema.safeParse(fields);
  if (!parsed.success)
    throw new ControlNetError(
      "unsupported",
      `${where}: ${sayRefused(parsed.error, fields)}; use an autoencoder of Stable Diffusion's kind (AutoencoderKL)`,
    );
  const given = parsed.data;
  const levels = given.block_out_channels.length;
  if (given.down_block_types.length !== levels || given.up_block_types.length !== levels)
    throw new ControlNetError(
      "config",
      `${where}: ${levels} block_out_channels need as many down_block_types and up_block_types, got ${given.down_block_types.length} and ${given.up_block_types.length}`,
    );
  if (given.in_channels !== given.out_channels)
    throw new ControlNetError(
      "unsupported",
      `${where}: in_channels ${given.in_channels} and out_channels ${given.out_channels} differ`,
    );
  const side = Array.isArray(given.sample_size) ? given.sample_size[0] : given.sample_size;
  return autoencoderConfig({
    imageChannels: given.in_channels,
    latentChannels: given.latent_channels,
    channels: given.block_out_channels,
    blocksPerLevel: given.layers_per_block,
    ...(given.act_fn !== "silu" && given.act_fn !== "swish" && { activation: given.act_fn }),
    groups: given.norm_num_groups,
    middleAttention: given.mid_block_add_attention,
    quantConvolution: given.use_quant_conv,
    postQuantConvolution: given.use_post_quant_conv,
    scalingFactor: given.scaling_factor,
    shiftFactor: given.shift_factor ?? 0,
    ...(side && { sampleSize: side }),
  });
}

/** Every key that is not built, with its value and what would be. */
const sayRefused = (error: z.ZodError, fields: Record<string, unknown>): string =>
  error.issues
    .map(({ path: [key], message }) => {
      const name = String(key);
      return `${name} ${(JSON.stringify(fields[name]) ?? "").slice(0, 100)} is not supported (${message})`;
    })
    .join(", ");

/** diffusers' `config.json` for an autoencoder of this shape. */
export const autoencoderConfigToDiffusers = (config: AutoencoderConfig): Record<string, unknown> => ({
  _class_name: "AutoencoderKL",
  _diffusers_version: "0.42.1",
  act_fn: config.activation ?? "silu",
  block_out_channels: config.channels,
  down_block_types: config.channels.map(() => "DownEncoderBlock2D"),
  force_upcast: true,
  in_channels: config.imageChannels,
  latent_channels: config.latentChannels,
  latents_mean: null,
  latents_std: null,
  layers_per_block: config.blocksPerLevel,
  mid_block_add_attention: config.middleAttention,
  norm_num_groups: config.groups,
  out_channels: config.imageChannels,
  sample_size: config.sampleSize,
  scaling_factor: config.scalingFactor,
  shift_factor: config.shiftFactor === 0 ? null : config.shiftFactor,
  up_block_types: config.channels.map(() => "UpDecoderBlock2D"),
  use_post_quant_conv: config.postQuantConvolution,
  use_quant_conv: config.quantConvolution,
});
