import { type AutoencoderConfig, type AutoencoderKeys, autoencoderConfig } from "@controlnet-js/autoencoder";
import type { TensorSource } from "@controlnet-js/checkpoints";
import type { ModelHints } from "./model-hints.js";
import { groupsOf } from "./net-from-shapes.js";
import { shapesOf } from "./shapes.js";

/**
 * The config of an autoencoder from the shapes of its tensors (names without prefix). The factor of the latents, which
 * no shape tells, is Stable Diffusion's unless `hints` know better.
 * @throws ControlNetError `format` where a tensor that tells a size is lacking, `config` where sizes don't fit
 */
export function autoencoderFromShapes(
  source: TensorSource,
  keys: AutoencoderKeys,
  { scalingFactor, resolution }: ModelHints = {},
  log: (line: string) => void = () => {},
): AutoencoderConfig {
  const { has, side } = shapesOf(source, "autoencoder");
  const block = (level: number, i: number) =>
    keys === "ldm"
      ? `encoder.down.${level}.block.${i}.conv1.weight`
      : `encoder.down_blocks.${level}.resnets.${i}.conv1.weight`;
  const channels: number[] = [];
  while (has(block(channels.length, 0))) channels.push(side(block(channels.length, 0), 0));
  let blocksPerLevel = 1;
  while (has(block(0, blocksPerLevel))) blocksPerLevel++;
  return autoencoderConfig({
    imageChannels: side("encoder.conv_in.weight", 1),
    latentChannels: side("decoder.conv_in.weight", 1),
    channels,
    blocksPerLevel,
    groups: groupsOf(channels, undefined, log),
    middleAttention: has(
      keys === "ldm" ? "encoder.mid.attn_1.norm.weight" : "encoder.mid_block.attentions.0.group_norm.weight",
    ),
    quantConvolution: has("quant_conv.weight"),
    postQuantConvolution: has("post_quant_conv.weight"),
    ...(scalingFactor !== undefined && { scalingFactor }),
    ...(resolution !== undefined && { sampleSize: resolution }),
  });
}
