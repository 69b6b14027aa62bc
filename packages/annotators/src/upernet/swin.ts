import {
  type Convolution,
  createLinear,
  createNorm,
  gelu,
  type Initializer,
  join,
  type Linear,
  layerNorm,
  linear,
  type Norm,
} from "@controlnet-js/core";
import { add, pad, reshape, slice, type Tensor, type Tensor4D, transpose } from "@tensorflow/tfjs-core";
import { type SwinConfig, stageWidth } from "./backbone-config.js";
import { createPatches, patches } from "./patches.js";
import { step } from "./step.js";
import { attendInWindows, type WindowAttention } from "./window-attention.js";

/** One block: attention in windows, then two linear layers on every pixel, each added to what came in. */
export interface SwinBlock<L = Tensor> extends WindowAttention<L> {
  norm1: Norm<L>;
  norm2: Norm<L>;
  expand: Linear<L>;
  contract: Linear<L>;
}

/** The parameters of a Swin transformer whose results of several stages are used. */
export interface Swin<L = Tensor> {
  stem: { convolution: Convolution<L>; norm: Norm<L> };
  stages: {
    blocks: SwinBlock<L>[];
    /** Joins 2x2 pixels; the last stage has none. */
    down?: { norm: Norm<L>; linear: Linear<L> };
  }[];
  /** A norm for the result of each stage that is used, in their order. */
  norms: Norm<L>[];
}

const EPSILON = 1e-5;

/** Shape of the biases of a stage's blocks: one for each offset of two pixels of a window and each head. */
export const biasTableShape = ({ window, heads }: SwinConfig, stage: number): number[] => [
  (2 * window - 1) ** 2,
  heads[stage]!,
];

/** Describes the parameters through an initializer. */
export function createSwin<L>(
  init: Initializer<L>,
  path: string,
  config: SwinConfig,
  hasTables = true,
): Swin<L> {
  const { patch, widths, depths, outputs, expansion, hasQueryBias } = config;
  const block = (at: string, stage: number): SwinBlock<L> => {
    const width = widths[stage]!;
    const inner = Math.floor(expansion * width);
    const project = (name: string) =>
      createLinear(init, join(at, name), width, width, { bias: hasQueryBias });
    return {
      norm1: createNorm(init, join(at, "norm1"), width),
      query: project("query"),
      key: project("key"),
      value: project("value"),
      ...(hasTables && {
        biasTable: init(join(at, "biasTable"), biasTableShape(config, stage), {
          kind: "constant",
          value: 0,
        }),
      }),
      joined: createLinear(init, join(at, "joined"), width, width),
      norm2: createNorm(init, join(at, "norm2"), width),
      expand: createLinear(init, join(at, "expand"), width, inner),
      contract: createLinear(init, join(at, "contract"), inner, width),
    };
  };
  const down = (at: string, width: number) => ({
    norm: createNorm(init, join(at, "norm"), 4 * width),
    linear: createLinear(init, join(at, "linear"), 4 * width, 2 * width, { bias: false }),
  });
  return {
    stem: {
      convolution: createPatches(init, join(path, "stem.convolution"), patch, 3, widths[0]!),
      norm: createNorm(init, join(path, "stem.norm"), widths[0]!),
    },
    stages: widths.map((width, i) => {
      const at = join(path, `stages.${i}`);
      return {
        blocks: Array.from({ length: depths[i]! }, (_, j) => block(join(at, `blocks.${j}`), i)),
        ...(i < widths.length - 1 && { down: down(join(at, "down"), width) }),
      };
    }),
    norms: outputs.map((stage, i) => createNorm(init, join(path, `norms.${i}`), stageWidth(config, stage))),
  };
}

/**
 * The normalised results of the stages in use for `x` [batch, height, width, 3]: [batch, height / (4 * 2^i), width / (4 *
 * 2^i), channels] for the published patch of 4x4, sizes rounded up.
 */
export function swin(params: Swin, config: SwinConfig, x: Tensor4D): Tensor4D[] {
  const { patch, outputs, heads, window, epsilon } = config;
  const { stem, stages, norms } = params;
  const results: Tensor4D[] = [];
  const keep = (h: Tensor4D, stage: number) => {
    const which = outputs.indexOf(stage);
    if (which >= 0) results.push(layerNorm(h, norms[which]!, EPSILON));
  };
  let h = step([], () => layerNorm(patches(padTo(x, patch), stem.convolution), stem.norm, EPSILON));
  keep(h, 0);
  stages.forEach(({ blocks, down }, i) => {
    blocks.forEach((block, j) => {
      const shift = j % 2 === 0 ? 0 : Math.floor(window / 2);
      h = step([h], () => {
        const seen = padTo(layerNorm(h, block.norm1, epsilon), [window, window]);
        const around = attendInWindows(seen, block, { heads: heads[i]!, window, shift });
        const attended = add(h, slice(around, [0, 0, 0, 0], h.shape));
        const inner = linear(
          gelu(linear(layerNorm(attended, block.norm2, epsilon), block.expand)),
          block.contract,
        );
        return add(attended, inner);
      });
    });
    keep(h, i + 1);
    if (down)
      h = step([h], () => linear(layerNorm(joinPixels(padTo(h, [2, 2])), down.norm, EPSILON), down.linear));
  });
  h.dispose();
  return results;
}

/** Zeros on the right and below up to multiples of height and width. */
function padTo(x: Tensor4D, [height, width]: readonly [number, number]): Tensor4D {
  const missing = (length: number, side: number) => (side - (length % side)) % side;
  const [below, right] = [missing(x.shape[1], height), missing(x.shape[2], width)];
  if (below === 0 && right === 0) return x;
  return pad(x, [
    [0, 0],
    [0, below],
    [0, right],
    [0, 0],
  ]);
}

/** 2x2 pixels as the channels of one: upper left, lower left, upper right, lower right. */
function joinPixels(x: Tensor4D): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const pairs = reshape(x, [(batch * height) / 2, 2, width / 2, 2, channels]);
  return reshape(transpose(pairs, [0, 2, 3, 1, 4]), [batch, height / 2, width / 2, 4 * channels]);
}
