import type { KeyForm, TensorSource } from "@controlnet-js/checkpoints";
import { type ControlNetConfig, controlNetConfig } from "@controlnet-js/controlnet";
import { ControlNetError } from "@controlnet-js/core";
import { type UNetConfig, unetConfig } from "@controlnet-js/unet";
import type { ModelHints } from "./model-hints.js";
import { type Shapes, shapesOf } from "./shapes.js";

/** Where the two published forms keep what tells a net's size. */
interface Places {
  input: string;
  output: string;
  /** The path of the middle block's transformer, and of its first residual block. */
  middle: string;
  middleResidual: string;
  levels(shapes: Shapes): Level[];
  hint(i: number): string;
}

interface Level {
  channels: number;
  blocks: number;
  /** The path of its first transformer, where it has any. */
  transformer: string | undefined;
  /** The kernel of its first block's time projection. */
  time: string;
}

const ldm: Places = {
  input: "input_blocks.0.0.weight",
  output: "out.2.weight",
  middle: "middle_block.1",
  middleResidual: "middle_block.0.in_layers.0.weight",
  levels({ has, side }) {
    const levels: Level[] = [];
    let level: Level | undefined;
    for (let i = 1; ; i++) {
      const kernel = `input_blocks.${i}.0.out_layers.3.weight`;
      if (has(kernel)) {
        const time = `input_blocks.${i}.0.emb_layers.1.weight`;
        if (!level)
          levels.push((level = { channels: side(kernel, 0), blocks: 0, transformer: undefined, time }));
        level.blocks++;
        if (has(`input_blocks.${i}.1.proj_in.weight`)) level.transformer ??= `input_blocks.${i}.1`;
      } else if (has(`input_blocks.${i}.0.op.weight`)) level = undefined;
      else return levels;
    }
  },
  hint: (i) => `input_hint_block.${2 * i}.weight`,
};

const diffusers: Places = {
  input: "conv_in.weight",
  output: "conv_out.weight",
  middle: "mid_block.attentions.0",
  middleResidual: "mid_block.resnets.0.norm1.weight",
  levels({ has, side }) {
    const levels: Level[] = [];
    for (let l = 0; has(`down_blocks.${l}.resnets.0.conv1.weight`); l++) {
      const channels = side(`down_blocks.${l}.resnets.0.conv1.weight`, 0);
      let blocks = 1;
      while (has(`down_blocks.${l}.resnets.${blocks}.conv1.weight`)) blocks++;
      const transformer = `down_blocks.${l}.attentions.0`;
      levels.push({
        channels,
        blocks,
        transformer: has(`${transformer}.proj_in.weight`) ? transformer : undefined,
        time: `down_blocks.${l}.resnets.0.time_emb_proj.weight`,
      });
    }
    return levels;
  },
  hint: (i) =>
    i === 0 ? "controlnet_cond_embedding.conv_in.weight" : `controlnet_cond_embedding.blocks.${i - 1}.weight`,
};

/**
 * The config of a U-Net, or of the U-Net that a ControlNet copies, from the shapes of its tensors (names without
 * prefix). Heads, which no shape tells, are the published models': 64 channels a head with linear projections (SD 2),
 * else 8 heads (SD 1); `hints` know better.
 * @throws ControlNetError `format` where a tensor that tells a size is lacking, `config` where sizes don't fit
 */
export function unetFromShapes(
  source: TensorSource,
  keys: KeyForm,
  hints: ModelHints = {},
  log: (line: string) => void = () => {},
): UNetConfig {
  const places = keys === "ldm" ? ldm : diffusers;
  const shapes = shapesOf(source, "U-Net");
  const { has, side, rank } = shapes;
  const levels = places.levels(shapes);
  const channels = levels.map((level) => level.channels);
  const middle = has(`${places.middle}.proj_in.weight`) ? places.middle : undefined;
  // The middle's transformer is as deep as those of the last level.
  const transformers = levels.map(({ transformer }, i) =>
    i === levels.length - 1 ? (transformer ?? middle) : transformer,
  );
  const some = transformers.find((path) => path !== undefined) ?? places.middle;
  const linearProjection = rank(`${some}.proj_in.weight`) === 2;
  const inChannels = side(places.input, 1);
  return unetConfig({
    inChannels,
    outChannels: has(places.output) ? side(places.output, 0) : Math.min(4, inChannels),
    channels,
    blocksPerLevel: levels.map((level) => level.blocks),
    attention: levels.map((level) => level.transformer !== undefined),
    heads: headsOf(channels, linearProjection, hints, log),
    depth: transformers.map((path) => depthOf(shapes, path ?? some)),
    contextChannels: side(`${some}.transformer_blocks.0.attn2.to_k.weight`, 1),
    linearProjection,
    groups: groupsOf(channels, hints.groups, log),
    sampleSize: hints.sampleSize ?? (hints.prediction === "v_prediction" && channels[0] === 320 ? 96 : 64),
    ...(!middle && { middle: has(places.middleResidual) ? "residual" : "none" }),
    ...unusualOf(shapes, places, levels),
  });
}

/** What only some models have, and their shapes tell. */
function unusualOf({ has, side }: Shapes, places: Places, levels: readonly Level[]): Partial<UNetConfig> {
  const [first] = levels;
  if (!first) return {};
  const inputKernel = side(places.input, 2);
  const outputKernel = has(places.output) ? side(places.output, 2) : 3;
  const timeFeatures = side(first.time, 1);
  const contextOnly = levels.map(({ transformer }) => {
    const attention = `${transformer}.transformer_blocks.0.attn1`;
    return (
      transformer !== undefined && side(`${attention}.to_k.weight`, 1) !== side(`${attention}.to_q.weight`, 1)
    );
  });
  return {
    ...(inputKernel !== 3 && { inputKernel }),
    ...(outputKernel !== 3 && { outputKernel }),
    ...(timeFeatures !== 4 * first.channels && { timeFeatures }),
    ...(side(first.time, 0) === 2 * first.channels && { scaleShift: true }),
    ...(contextOnly.includes(true) && { contextOnly }),
  };
}

function depthOf({ has }: Shapes, transformer: string): number {
  let depth = 1;
  while (has(`${transformer}.transformer_blocks.${depth}.attn2.to_k.weight`)) depth++;
  return depth;
}

/** The config of a ControlNet from the shapes of its tensors; see {@link unetFromShapes}. */
export function controlNetFromShapes(
  source: TensorSource,
  keys: KeyForm,
  hints: ModelHints = {},
  log?: (line: string) => void,
): ControlNetConfig {
  const { hint } = keys === "ldm" ? ldm : diffusers;
  const { has, side } = shapesOf(source, "ControlNet");
  const hintWidths = [side(hint(0), 0)];
  // Of each pair of convolutions the second widens; in LDM's names one more follows, the last.
  const pair = (i: number) => has(hint(2 * i)) && (keys !== "ldm" || has(hint(2 * i + 1)));
  for (let i = 1; pair(i); i++) hintWidths.push(side(hint(2 * i), 0));
  return controlNetConfig(unetFromShapes(source, keys, hints, log), {
    hintChannels: side(hint(0), 1),
    hintWidths,
    ...(hints.globalPooling !== undefined && { globalPooling: hints.globalPooling }),
  });
}

function headsOf(
  channels: readonly number[],
  linearProjection: boolean,
  { heads, headChannels }: ModelHints,
  log: (line: string) => void,
): number[] {
  if (headChannels !== undefined) return channels.map((width) => perHead(width, headChannels));
  if (typeof heads === "number") return channels.map(() => heads);
  if (heads?.length === channels.length) return [...heads];
  const unusual = channels[0] !== 320;
  const chosen =
    linearProjection && channels.every((width) => width % 64 === 0)
      ? channels.map((width) => width / 64)
      : channels.map(() => 8);
  if (unusual)
    log(
      `the file does not tell the attention heads; taken as ${chosen.join(", ")} (give a config to change it)`,
    );
  return chosen;
}

function perHead(width: number, headChannels: number): number {
  if (width % headChannels === 0) return width / headChannels;
  throw new ControlNetError(
    "config",
    `config: num_head_channels ${headChannels} does not divide a level's ${width} channels`,
  );
}

/** The original code has 32 groups; a model whose channels they don't divide came from elsewhere. */
export function groupsOf(
  channels: readonly number[],
  known: number | undefined,
  log: (line: string) => void,
): number {
  if (known !== undefined) return known;
  let groups = 32;
  while (groups > 1 && channels.some((width) => width % groups !== 0)) groups /= 2;
  if (groups !== 32)
    log(
      `32 groups of normalisation don't divide ${channels.join(", ")} channels; taken as ${groups} (norm_num_groups in a config changes it)`,
    );
  return groups;
}
