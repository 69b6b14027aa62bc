import {
  type Convolution,
  cloneTree,
  createZeroConvolution,
  type Initializer,
  type Model,
  randomInitializer,
} from "@controlnet-js/core";
import { createEncoder, type EncoderParams, skipChannels, type UNet } from "@controlnet-js/unet";
import type { Tensor } from "@tensorflow/tfjs-core";
import { type ControlNetConfig, type ControlNetOptions, controlNetConfig } from "./config.js";
import { createHintEncoder, type HintEncoder } from "./hint-encoder.js";

/** The parameters of a ControlNet: all of them are trained, none is shared with the locked U-Net. */
export interface ControlNetParams<L = Tensor> {
  hint: HintEncoder<L>;
  /** The trainable copy of time embedding, encoder and middle block. */
  copy: EncoderParams<L>;
  /** Zero convolutions: one for each skip connection, then one for the middle block. */
  links: { skips: Convolution<L>[]; middle: Convolution<L> };
}

/** A ControlNet: with leaves of tensors, or of shapes alone. */
export type ControlNet<L = Tensor> = Model<ControlNetParams<L>, ControlNetConfig>;

function createLinks<L>(config: ControlNetConfig, init: Initializer<L>): ControlNetParams<L>["links"] {
  const widths = config.unet.channels;
  return {
    skips: skipChannels(config.unet).map((channels, i) =>
      createZeroConvolution(init, `links.skips.${i}`, channels),
    ),
    middle: createZeroConvolution(init, "links.middle", widths[widths.length - 1]!),
  };
}

const hintOf = <L>(config: ControlNetConfig, init: Initializer<L>) =>
  createHintEncoder(init, "hint", config.hintChannels, config.hintWidths, config.unet.channels[0]!);

/** A ControlNet whose leaves are all drawn by `init`: for shapes, key tables and ablations. */
export function createControlNetFrom<L>(config: ControlNetConfig, init: Initializer<L>): ControlNet<L> {
  const params: ControlNetParams<L> = {
    hint: hintOf(config, init),
    copy: createEncoder(config.unet, init, "copy"),
    links: createLinks(config, init),
  };
  return { params, config };
}

/**
 * A fresh ControlNet for a U-Net: a copy of its encoder and middle block, a new hint encoder, links of zeros. With it
 * the U-Net's output is exactly what it was (paper, section 3.1). The caller disposes it; the U-Net is not touched.
 * @param options.seed draws the hint encoder
 * @throws ControlNetError `config` for bad or unknown options
 */
export function createControlNet(
  unet: UNet,
  { seed = 0, ...options }: ControlNetOptions & { seed?: number } = {},
): ControlNet {
  const config = controlNetConfig(unet.config, options);
  const init = randomInitializer(seed);
  const { input, down, middle, time } = unet.params;
  const { linear1, linear2 } = time;
  const copied: EncoderParams = { time: { linear1, linear2 }, input, down, ...(middle && { middle }) };
  return {
    params: { hint: hintOf(config, init), copy: cloneTree(copied), links: createLinks(config, init) },
    config,
  };
}
