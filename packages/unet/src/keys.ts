import { type KeyRow, keyRows, renameBy } from "@controlnet-js/checkpoints";
import { shapeInitializer } from "@controlnet-js/core";
import { blocksAt, decoderAttends, type UNetConfig } from "./config.js";
import { createEncoder, createUNet } from "./params.js";

type Rename = (modulePath: string) => string;

const transformerParts = [
  [/\.projectIn$/, ".proj_in"],
  [/\.projectOut$/, ".proj_out"],
  [/\.blocks\.(\d+)\./, ".transformer_blocks.$1."],
  [/\.selfAttention\./, ".attn1."],
  [/\.crossAttention\./, ".attn2."],
  [/\.(attn\d)\.query$/, ".$1.to_q"],
  [/\.(attn\d)\.key$/, ".$1.to_k"],
  [/\.(attn\d)\.value$/, ".$1.to_v"],
  [/\.(attn\d)\.output$/, ".$1.to_out.0"],
  [/\.feedForward\.expand$/, ".ff.net.0.proj"],
  [/\.feedForward\.contract$/, ".ff.net.2"],
] as const;

const diffusersResidual = [
  [/\.convolution(\d)$/, ".conv$1"],
  [/\.time$/, ".time_emb_proj"],
  [/\.skip$/, ".conv_shortcut"],
] as const;

/** diffusers' names (UNet2DConditionModel and, without the decoder, ControlNetModel). */
const diffusersName: Rename = renameBy([
  [/^time\.linear(\d)$/, "time_embedding.linear_$1"],
  [/^time\.guidance$/, "time_embedding.cond_proj"],
  [/^input$/, "conv_in"],
  [/^outputNorm$/, "conv_norm_out"],
  [/^output$/, "conv_out"],
  [/^(down|up)\.(\d+)\.residual\./, "$1_blocks.$2.resnets."],
  [/^(down|up)\.(\d+)\.transformer\./, "$1_blocks.$2.attentions."],
  [/^down\.(\d+)\.downsample$/, "down_blocks.$1.downsamplers.0.conv"],
  [/^up\.(\d+)\.upsample$/, "up_blocks.$1.upsamplers.0.conv"],
  [/^middle\.residual1\./, "mid_block.resnets.0."],
  [/^middle\.residual2\./, "mid_block.resnets.1."],
  [/^middle\.transformer\./, "mid_block.attentions.0."],
  ...diffusersResidual,
  ...transformerParts,
]);

const ldmResidual = [
  [/\.norm1$/, ".in_layers.0"],
  [/\.convolution1$/, ".in_layers.2"],
  [/\.time$/, ".emb_layers.1"],
  [/\.norm2$/, ".out_layers.0"],
  [/\.convolution2$/, ".out_layers.3"],
  [/\.skip$/, ".skip_connection"],
] as const;

/** The original code's names: blocks are numbered through, a level's transformer stands beside its residual block. */
const ldmName = (config: UNetConfig): Rename => {
  const last = config.channels.length - 1;
  const counts = config.channels.map((_, level) => blocksAt(config, level) + 1);
  const before = (all: readonly number[], level: number) =>
    all.slice(0, level).reduce((sum, count) => sum + count, 0);
  const inputBlock = (level: string, i: string | number) =>
    `input_blocks.${1 + before(counts, Number(level)) + Number(i)}`;
  const outputBlock = (level: string, i: string | number) =>
    `output_blocks.${before(counts.toReversed(), Number(level)) + Number(i)}`;
  const hasTransformer = (level: string) => decoderAttends(config, last - Number(level));
  const residual = renameBy(ldmResidual);
  const transformer = renameBy(transformerParts);
  const rules: readonly (readonly [RegExp, (...groups: string[]) => string])[] = [
    [/^time\.linear1$/, () => "time_embed.0"],
    [/^time\.linear2$/, () => "time_embed.2"],
    [/^time\.guidance$/, () => "time_embed.cond_proj"],
    [/^input$/, () => "input_blocks.0.0"],
    [/^outputNorm$/, () => "out.0"],
    [/^output$/, () => "out.2"],
    [
      /^down\.(\d+)\.residual\.(\d+)(\..+)$/,
      (level, i, rest) => `${inputBlock(level!, i!)}.0${residual(rest!)}`,
    ],
    [
      /^down\.(\d+)\.transformer\.(\d+)(\..+)$/,
      (level, i, rest) => `${inputBlock(level!, i!)}.1${transformer(rest!)}`,
    ],
    [/^down\.(\d+)\.downsample$/, (level) => `${inputBlock(level!, blocksAt(config, Number(level)))}.0.op`],
    [
      /^up\.(\d+)\.residual\.(\d+)(\..+)$/,
      (level, i, rest) => `${outputBlock(level!, i!)}.0${residual(rest!)}`,
    ],
    [
      /^up\.(\d+)\.transformer\.(\d+)(\..+)$/,
      (level, i, rest) => `${outputBlock(level!, i!)}.1${transformer(rest!)}`,
    ],
    [
      /^up\.(\d+)\.upsample$/,
      (level) =>
        `${outputBlock(level!, blocksAt(config, last - Number(level)))}.${hasTransformer(level!) ? 2 : 1}.conv`,
    ],
    [/^middle\.residual1(\..+)$/, (rest) => `middle_block.0${residual(rest!)}`],
    [/^middle\.transformer(\..+)$/, (rest) => `middle_block.1${transformer(rest!)}`],
    [/^middle\.residual2(\..+)$/, (rest) => `middle_block.2${residual(rest!)}`],
  ];
  return (modulePath) => {
    for (const [pattern, to] of rules) {
      const match = pattern.exec(modulePath);
      if (match) return to(...match.slice(1));
    }
    return modulePath;
  };
};

/** The published forms of a U-Net's keys. */
export type UNetKeys = "diffusers" | "ldm";

const nameOf = (config: UNetConfig, keys: UNetKeys): Rename =>
  keys === "ldm" ? ldmName(config) : diffusersName;

/** The reversible key table of a U-Net, without prefix (`model.diffusion_model.` in a full LDM file). */
export const unetKeyRows = (config: UNetConfig, keys: UNetKeys): KeyRow[] =>
  keyRows(createUNet(config, shapeInitializer).params, nameOf(config, keys));

/** The part of the table that a ControlNet's copy has too: time embedding, encoder, middle block. */
export const encoderKeyRows = (config: UNetConfig, keys: UNetKeys): KeyRow[] =>
  keyRows(createEncoder(config, shapeInitializer), nameOf(config, keys));
