import {
  type Convolution,
  convolution,
  createConvolution,
  createZeroConvolution,
  type Initializer,
  join,
  silu,
} from "@controlnet-js/core";
import { concat, split, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import type { ControlNetConfig } from "./config.js";

/** Brings a control map to the size and width of the U-Net's first feature map. */
export interface HintEncoder<L = Tensor> {
  input: Convolution<L>;
  /** Pairs: one of stride 1, one of stride 2 that widens. */
  blocks: Convolution<L>[];
  /** Initialised to zero, as the links are. */
  output: Convolution<L>;
}

/**
 * New parameters of a hint encoder: 3x3 convolutions with SiLU in between, 3 -> 16 -> 16 -> 32 (stride 2) -> 32 -> 96
 * (stride 2) -> 96 -> 256 (stride 2) -> 320 (zero). This is the shipped code's (cldm.py); the paper's text differs.
 */
export function createHintEncoder<L>(
  init: Initializer<L>,
  path: string,
  hintChannels: number,
  widths: readonly number[],
  outChannels: number,
): HintEncoder<L> {
  const blocks: Convolution<L>[] = [];
  for (let i = 0; i + 1 < widths.length; i++) {
    const name = (offset: number) => join(path, `blocks.${2 * i + offset}`);
    blocks.push(createConvolution(init, name(0), widths[i]!, widths[i]!));
    blocks.push(createConvolution(init, name(1), widths[i]!, widths[i + 1]!));
  }
  return {
    input: createConvolution(init, join(path, "input"), hintChannels, widths[0]!),
    blocks,
    output: createZeroConvolution(init, join(path, "output"), widths[widths.length - 1]!, outChannels, 3),
  };
}

/** The map as the hint encoder takes it: its channels turned round where `config.reversedHint`. */
export const orientHint = (
  { reversedHint }: Pick<ControlNetConfig, "reversedHint">,
  map: Tensor4D,
): Tensor4D => (reversedHint ? (concat(split(map, map.shape[3], 3).reverse(), 3) as Tensor4D) : map);

/**
 * `map` [batch, height, width, hintChannels] in [0, 1] to [batch, height / f, width / f, channels], where
 * f = 2^(widths - 1), 8 for Stable Diffusion.
 */
export function encodeHint(params: HintEncoder, map: Tensor4D): Tensor4D {
  let h = silu(convolution(map, params.input));
  params.blocks.forEach((block, i) => {
    h = silu(convolution(h, block, { stride: i % 2 === 0 ? 1 : 2 }));
  });
  return convolution(h, params.output);
}
