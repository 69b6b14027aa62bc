import {
  ControlNetError,
  type Convolution,
  cloneTree,
  createZeroConvolution,
  type Initializer,
  type LeafShape,
  leavesOf,
  randomInitializer,
  shapeInitializer,
} from "@controlnet-js/core";
import { createEncoder, type EncoderParams, skipChannels, type UNetParams } from "@controlnet-js/unet";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { ControlNetConfig } from "./config.js";
import { createHintEncoder, type HintEncoder } from "./hint-encoder.js";

/** The parameters of a ControlNet: all of them are trained, none is shared with the locked U-Net. */
export interface ControlNetParams<L = Tensor> {
  hint: HintEncoder<L>;
  /** The trainable copy of time embedding, encoder and middle block. */
  copy: EncoderParams<L>;
  /** Zero convolutions: one for each skip connection, then one for the middle block. */
  links: { skips: Convolution<L>[]; middle: Convolution<L> };
}

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

/** The tree of a ControlNet whose leaves are all drawn by `init`: for shapes, key tables and ablations. */
export function createControlNetFrom<L>(config: ControlNetConfig, init: Initializer<L>): ControlNetParams<L> {
  return {
    hint: hintOf(config, init),
    copy: createEncoder(config.unet, init, "copy"),
    links: createLinks(config, init),
  };
}

/**
 * A fresh ControlNet for a U-Net: a copy of its encoder and middle block, a new hint encoder, links of zeros. With it
 * the U-Net's output is exactly what it was (paper, section 3.1). The caller disposes it; the U-Net is not touched.
 * @param config its `unet` is the U-Net's own, as `controlNetConfig` takes it over
 * @throws ControlNetError `shape` where `config` was made for another U-Net
 */
export function createControlNet(
  unet: UNetParams,
  config: ControlNetConfig,
  { seed = 0 }: { seed?: number } = {},
): ControlNetParams {
  const init = randomInitializer(seed);
  const { input, down, middle } = unet;
  const { linear1, linear2 } = unet.time;
  const copied: EncoderParams = { time: { linear1, linear2 }, input, down, ...(middle && { middle }) };
  assertDescribes(config, copied);
  return { hint: hintOf(config, init), copy: cloneTree(copied), links: createLinks(config, init) };
}

function assertDescribes({ unet }: ControlNetConfig, copied: EncoderParams): void {
  const shapes = (tree: unknown) =>
    new Map(leavesOf<Pick<LeafShape, "shape">>(tree).map(({ path, value }) => [path, `[${value.shape}]`]));
  const [wanted, found] = [shapes(createEncoder(unet, shapeInitializer)), shapes(copied)];
  for (const path of new Set([...wanted.keys(), ...found.keys()]))
    if (wanted.get(path) !== found.get(path))
      throw new ControlNetError(
        "shape",
        `createControlNet: the config was made for another U-Net: "${path}" would be ${wanted.get(path) ?? "missing"}, it is ` +
          `${found.get(path) ?? "missing"}; make the config of this U-Net's own: controlNetConfig(unetConfig)`,
      );
}
