import {
  ControlNetError,
  convolution,
  downsample,
  embedTimesteps,
  groupNorm,
  residualBlock,
  silu,
  spatialTransformer,
  upsample,
} from "@controlnet-js/core";
import {
  add,
  concat,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import type { UNetConfig } from "./config.js";
import type { EncoderParams, UNetParams } from "./params.js";

/** What a U-Net sees. */
export interface UNetInputs {
  /** Noisy latents [batch, height, width, inChannels]; height and width divide by 2^(levels - 1). */
  latents: Tensor4D;
  /** Timesteps [batch], float32, in [0, 1000). */
  timesteps: Tensor1D;
  /** Text embedding [batch, tokens, contextChannels]. */
  context: Tensor3D;
}

/** Added to the skip connections and to the middle block's output: what a ControlNet, or anything like it, gives. */
export interface AdditionalResiduals {
  /** One for each skip connection, in the encoder's order; an absent one adds nothing. */
  skips: readonly (Tensor4D | undefined)[];
  middle?: Tensor4D;
}

/** What the encoder and the middle block give. */
export interface Encoded {
  /** Time embedding [batch, 4 * channels[0]]. */
  time: Tensor2D;
  /** Skip connections in order, each [batch, height_i, width_i, channels_i]. */
  skips: Tensor4D[];
  /** The middle block's output. */
  middle: Tensor4D;
}

/**
 * Time embedding, encoder and middle block: the part that a ControlNet copies.
 * @param hint added once, after the first convolution: [batch, height, width, channels[0]]
 * @throws ControlNetError `shape`
 */
export function encode(
  params: EncoderParams,
  config: UNetConfig,
  inputs: UNetInputs,
  hint?: Tensor4D,
): Encoded {
  const { latents, timesteps, context } = inputs;
  checkInputs(config, inputs);
  const residualOptions = { groups: config.groups, epsilon: 1e-5 };
  const time = embedTimesteps(timesteps, params.time);
  let h = convolution(latents, params.input);
  if (hint) h = add(h, hint);
  const skips = [h];
  params.down.forEach((level, i) => {
    const transformerOptions = { groups: config.groups, heads: config.heads[i]! };
    level.residual.forEach((block, j) => {
      h = residualBlock(h, block, time, residualOptions);
      const transformer = level.transformer?.[j];
      if (transformer) h = spatialTransformer(h, transformer, context, transformerOptions);
      skips.push(h);
    });
    if (level.downsample) skips.push((h = downsample(h, level.downsample)));
  });
  const heads = config.heads[config.heads.length - 1]!;
  h = residualBlock(h, params.middle.residual1, time, residualOptions);
  h = spatialTransformer(h, params.middle.transformer, context, { groups: config.groups, heads });
  h = residualBlock(h, params.middle.residual2, time, residualOptions);
  return { time, skips, middle: h };
}

/**
 * The decoder: `cat[h, skip + residual]` block by block (cldm.py, ControlledUnetModel).
 * @returns the model's raw output [batch, height, width, outChannels]: noise, velocity or sample
 */
export function decode(
  params: UNetParams,
  config: UNetConfig,
  encoded: Encoded,
  context: Tensor3D,
  residuals?: AdditionalResiduals,
): Tensor4D {
  const expected = encoded.skips.length;
  if (residuals && residuals.skips.length !== expected)
    throw new ControlNetError(
      "shape",
      `unet: expected ${expected} residuals for the skip connections, got ${residuals.skips.length}`,
    );
  const residualOptions = { groups: config.groups, epsilon: 1e-5 };
  let h: Tensor4D = residuals?.middle ? add(encoded.middle, residuals.middle) : encoded.middle;
  let next = expected;
  params.up.forEach((level, i) => {
    const heads = config.heads[config.heads.length - 1 - i]!;
    level.residual.forEach((block, j) => {
      const skip = encoded.skips[--next]!;
      const residual = residuals?.skips[next];
      h = concat([h, residual ? add<Tensor4D>(skip, residual) : skip], 3);
      h = residualBlock(h, block, encoded.time, residualOptions);
      const transformer = level.transformer?.[j];
      if (transformer) h = spatialTransformer(h, transformer, context, { groups: config.groups, heads });
    });
    if (level.upsample) h = upsample(h, level.upsample);
  });
  return convolution(silu(groupNorm(h, params.outputNorm, config.groups, 1e-5)), params.output);
}

/** The whole U-Net: encoder, middle, decoder. Call it inside `tidy` or `jit`; the caller disposes the output. */
export function unet(
  params: UNetParams,
  config: UNetConfig,
  inputs: UNetInputs,
  residuals?: AdditionalResiduals,
): Tensor4D {
  return decode(params, config, encode(params, config, inputs), inputs.context, residuals);
}

function checkInputs(config: UNetConfig, { latents, timesteps, context }: UNetInputs): void {
  const [batch, height, width, channels] = latents.shape;
  const factor = 2 ** (config.channels.length - 1);
  if (channels !== config.inChannels)
    throw new ControlNetError(
      "shape",
      `unet: expected latents of ${config.inChannels} channels, got [${latents.shape}]`,
    );
  if (height % factor !== 0 || width % factor !== 0)
    throw new ControlNetError(
      "shape",
      `unet: expected latents whose sides divide by ${factor}, got ${width}x${height}; pad or resize the picture`,
    );
  if (timesteps.rank !== 1 || timesteps.shape[0] !== batch)
    throw new ControlNetError("shape", `unet: expected timesteps [${batch}], got [${timesteps.shape}]`);
  if (context.shape[0] !== batch || context.shape[2] !== config.contextChannels)
    throw new ControlNetError(
      "shape",
      `unet: expected context [${batch}, tokens, ${config.contextChannels}], got [${context.shape}]`,
    );
}
