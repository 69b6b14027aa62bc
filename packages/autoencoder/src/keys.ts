import { type KeyRow, keyRows, renameBy } from "@controlnet-js/checkpoints";
import { type LeafShape, shapeInitializer } from "@controlnet-js/core";
import type { AutoencoderConfig } from "./config.js";
import { createAutoencoder } from "./parameters.js";

/**
 * The published forms of an autoencoder's keys: `diffusers`; `diffusers-old`, from before 0.15, with other names for
 * the attention, in which Stable Diffusion 1.5 is published; `ldm`, the original code.
 */
export type AutoencoderKeys = "diffusers" | "diffusers-old" | "ldm";

const outer = [
  [/convolutionIn$/, "conv_in"],
  [/convolutionOut$/, "conv_out"],
  [/^quantConvolution$/, "quant_conv"],
  [/^postQuantConvolution$/, "post_quant_conv"],
  [/\.convolution(\d)$/, ".conv$1"],
] as const;

const newAttention = { query: "to_q", key: "to_k", value: "to_v", output: "to_out.0" };
const oldAttention = { query: "query", key: "key", value: "value", output: "proj_attn" };
const ldmAttention = { query: "q", key: "k", value: "v", output: "proj_out" };

const diffusersName = (attention: Record<string, string>) =>
  renameBy([
    ...outer,
    [/\.normOut$/, ".conv_norm_out"],
    [/^encoder\.levels\.(\d+)\.resample$/, "encoder.down_blocks.$1.downsamplers.0.conv"],
    [/^decoder\.levels\.(\d+)\.resample$/, "decoder.up_blocks.$1.upsamplers.0.conv"],
    [/^encoder\.levels\.(\d+)\.residual\./, "encoder.down_blocks.$1.resnets."],
    [/^decoder\.levels\.(\d+)\.residual\./, "decoder.up_blocks.$1.resnets."],
    [/\.middle\.residual(\d)\./, (_, n) => `.mid_block.resnets.${Number(n) - 1}.`],
    [/\.middle\.attention\.norm$/, ".mid_block.attentions.0.group_norm"],
    [/\.middle\.attention\.(\w+)$/, (_, part) => `.mid_block.attentions.0.${attention[part!]}`],
    [/\.skip$/, ".conv_shortcut"],
  ]);

/** The original numbers the decoder's levels from fine to coarse, against the order in which they run. */
const ldmName = ({ channels }: AutoencoderConfig) => {
  const up = (level: string | undefined) => `decoder.up.${channels.length - 1 - Number(level)}`;
  return renameBy([
    ...outer,
    [/\.normOut$/, ".norm_out"],
    [/^encoder\.levels\.(\d+)\.resample$/, "encoder.down.$1.downsample.conv"],
    [/^decoder\.levels\.(\d+)\.resample$/, (_, level) => `${up(level)}.upsample.conv`],
    [/^encoder\.levels\.(\d+)\.residual\./, "encoder.down.$1.block."],
    [/^decoder\.levels\.(\d+)\.residual\./, (_, level) => `${up(level)}.block.`],
    [/\.middle\.residual(\d)\./, ".mid.block_$1."],
    [/\.middle\.attention\.norm$/, ".mid.attn_1.norm"],
    [
      /\.middle\.attention\.(\w+)$/,
      (_, part) => `.mid.attn_1.${ldmAttention[part as keyof typeof ldmAttention]}`,
    ],
    [/\.skip$/, ".nin_shortcut"],
  ]);
};

/** The reversible key table of an autoencoder, without prefix (`first_stage_model.` in a full LDM file). */
export function autoencoderKeyRows(config: AutoencoderConfig, keys: AutoencoderKeys): KeyRow[] {
  const shapes = createAutoencoder<LeafShape>(config, shapeInitializer).params;
  if (keys !== "ldm")
    return keyRows(shapes, diffusersName(keys === "diffusers" ? newAttention : oldAttention));
  const pointwise = /\.attention\.(query|key|value|output)\.kernel$/;
  return keyRows(shapes, ldmName(config)).map((row) =>
    pointwise.test(row.path) ? { ...row, layout: "pointwise-linear" } : row,
  );
}

/**
 * Which form of keys a file has.
 * @param names the file's names, with or without prefix
 * @returns undefined where they are not an autoencoder's
 */
export function autoencoderKeysOf(names: Iterable<string>): AutoencoderKeys | undefined {
  let found: AutoencoderKeys | undefined;
  for (const name of names) {
    if (/(^|\.)encoder\.down\.0\.block\.0\./.test(name)) return "ldm";
    if (/(^|\.)mid_block\.attentions\.0\.query\./.test(name)) return "diffusers-old";
    if (/(^|\.)decoder\.up_blocks\.0\.resnets\.0\.norm1\./.test(name)) found = "diffusers";
  }
  return found;
}
