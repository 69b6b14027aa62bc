import {
  activations,
  ControlNetError,
  convolution,
  downsample,
  embedTimesteps,
  groupNorm,
  type Model,
  type RunBlock,
  runBlock,
} from "@controlnet-js/core";
import {
  add,
  concat,
  mul,
  sub,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import { contextOnlyAt, type UNetConfig } from "./config.js";
import type { EncoderParams, UNet } from "./params.js";
import { unetBlock } from "./unet-block.js";
import { upsampleTo } from "./upsample-to.js";

/** What a U-Net sees. */
export interface UNetInputs {
  /** Noisy latents [batch, height, width, inChannels], of any size: a level has half the side before it, rounded up. */
  latents: Tensor4D;
  /** Timesteps [batch], float32, in [0, 1000). */
  timesteps: Tensor1D;
  /** Text embedding [batch, tokens, contextChannels]. */
  context: Tensor3D;
  /**
   * The guidance as an embedding [1 or batch, guidanceChannels], for a model that was distilled with it. ControlNets, and
   * U-Nets without a place for it, ignore it; left out, nothing is added.
   */
  guidance?: Tensor2D;
}

/** Added to the skip connections and to the middle block's output: what a ControlNet, or anything like it, gives. */
export interface AdditionalResiduals {
  /** One for each skip connection, in the encoder's order; an absent one adds nothing. */
  skips: readonly (Tensor4D | undefined)[];
  middle?: Tensor4D;
}

/** What the encoder and the middle block give. */
export interface Encoded {
  /** Time embedding [batch, time features]. */
  time: Tensor2D;
  /** Skip connections in order, each [batch, height_i, width_i, channels_i]. */
  skips: Tensor4D[];
  /** The middle block's output. */
  middle: Tensor4D;
}

/** The whole U-Net: encoder, middle, decoder. Call it inside `tidy` or `jit`; the caller disposes the output. */
export function unet(
  model: UNet,
  inputs: UNetInputs,
  residuals?: AdditionalResiduals,
  run: RunBlock = runBlock,
): Tensor4D {
  return unetDecoder(model, unetEncoder(model, inputs, undefined, run), inputs.context, residuals, run);
}

/**
 * Time embedding, encoder and middle block: the part that a ControlNet copies.
 * @param hint added once, after the first convolution: [batch, height, width, channels[0]]
 * @param run how each block runs: `checkpointBlock` trades time for memory in training
 * @throws ControlNetError `shape`
 */
export function unetEncoder(
  { params, config }: Model<EncoderParams, UNetConfig>,
  inputs: UNetInputs,
  hint?: Tensor4D,
  run: RunBlock = runBlock,
): Encoded {
  const { latents, timesteps, context, guidance } = inputs;
  checkInputs(config, inputs);
  const { cosineFirst, frequencyShift, activation, middleScale: outputScale } = config;
  const waves = { cosineFirst, frequencyShift, activation, guidance };
  const time = (config.timeActivations ?? []).reduce(
    (h, name) => activations[name](h),
    embedTimesteps(timesteps, params.time, waves),
  );
  const block = unetBlock(config, { time, context }, run);
  let h = convolution(config.centerInput ? centred(latents) : latents, params.input);
  if (hint) h = add(h, hint);
  const skips = [h];
  params.down.forEach((level, i) => {
    const options = { heads: config.heads[i]!, contextOnly: contextOnlyAt(config, i) };
    level.residual.forEach((residual, j) => {
      h = block(h, { residual, transformer: level.transformer?.[j] }, options);
      skips.push(h);
    });
    if (level.downsample) skips.push((h = downsample(h, level.downsample, config.downPadding)));
  });
  const heads = config.heads[config.heads.length - 1]!;
  if (params.middle) {
    const { residual1, transformer, residual2 } = params.middle;
    h = block(h, { residual: residual1, transformer }, { heads, outputScale });
    if (residual2) h = block(h, { residual: residual2 }, { heads, outputScale });
  }
  return { time, skips, middle: h };
}

/**
 * The decoder: `cat[h, skip + residual]` block by block (cldm.py, ControlledUnetModel).
 * @param run how each block runs, as for {@link unetEncoder}
 * @returns the model's raw output [batch, height, width, outChannels]: noise, velocity or sample
 */
export function unetDecoder(
  { params, config }: UNet,
  encoded: Encoded,
  context: Tensor3D,
  residuals?: AdditionalResiduals,
  run: RunBlock = runBlock,
): Tensor4D {
  const expected = encoded.skips.length;
  if (residuals && residuals.skips.length !== expected)
    throw new ControlNetError(
      "shape",
      `unet: expected ${expected} residuals for the skip connections, got ${residuals.skips.length}`,
    );
  const block = unetBlock(config, { time: encoded.time, context }, run);
  let h: Tensor4D = residuals?.middle ? add(encoded.middle, residuals.middle) : encoded.middle;
  let next = expected;
  params.up.forEach((level, i) => {
    const at = config.channels.length - 1 - i;
    const options = { heads: config.heads[at]!, contextOnly: contextOnlyAt(config, at) };
    level.residual.forEach((residual, j) => {
      const skip = encoded.skips[--next]!;
      const link = residuals?.skips[next];
      h = concat([h, link ? add<Tensor4D>(skip, link) : skip], 3);
      h = block(h, { residual, transformer: level.transformer?.[j] }, options);
    });
    if (level.upsample) h = upsampleTo(encoded.skips[next - 1]!, h, level.upsample);
  });
  const normed = groupNorm(h, params.outputNorm, config.groups, config.normEpsilon);
  return convolution(activations[config.activation ?? "silu"](normed), params.output);
}

const centred = (latents: Tensor4D): Tensor4D => sub(mul(latents, 2), 1);

function checkInputs(config: UNetConfig, { latents, timesteps, context }: UNetInputs): void {
  const [batch, , , channels] = latents.shape;
  if (channels !== config.inChannels)
    throw new ControlNetError(
      "shape",
      `unet: expected latents of ${config.inChannels} channels, got [${latents.shape}]`,
    );
  if (timesteps.rank !== 1 || timesteps.shape[0] !== batch)
    throw new ControlNetError("shape", `unet: expected timesteps [${batch}], got [${timesteps.shape}]`);
  if (context.shape[0] !== batch || context.shape[2] !== config.contextChannels)
    throw new ControlNetError(
      "shape",
      `unet: expected context [${batch}, tokens, ${config.contextChannels}], got [${context.shape}]`,
    );
}
