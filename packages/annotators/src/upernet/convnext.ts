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
import { add, depthwiseConv2d, mul, reshape, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import { type ConvNextConfig, stageWidth } from "./backbone-config.js";
import { createPatches, patches } from "./patches.js";
import { step } from "./step.js";

/** One block: a 7x7 kernel for each channel, then two linear layers on every pixel, added to what came in. */
export interface ConvNextBlock<L = Tensor> {
  /** `kernel` [7, 7, 1, channels] */
  depthwise: Convolution<L>;
  norm: Norm<L>;
  expand: Linear<L>;
  contract: Linear<L>;
  /** [channels] */
  layerScale?: L;
}

/** The parameters of a ConvNeXt whose results of several stages are used. */
export interface ConvNext<L = Tensor> {
  stem: { convolution: Convolution<L>; norm: Norm<L> };
  stages: {
    /** Halves height and width; the first stage has none. */
    down?: { norm: Norm<L>; convolution: Convolution<L> };
    blocks: ConvNextBlock<L>[];
  }[];
  /** A norm for the result of each stage that is used, in their order. */
  norms: Norm<L>[];
}

const EPSILON = 1e-6;
const KERNEL = 7;

/** Describes the parameters through an initializer. */
export function createConvNext<L>(init: Initializer<L>, path: string, config: ConvNextConfig): ConvNext<L> {
  const { patch, widths, depths, hasLayerScale, outputs } = config;
  const block = (at: string, width: number): ConvNextBlock<L> => ({
    depthwise: createPatches(init, join(at, "depthwise"), [KERNEL, KERNEL], 1, width),
    norm: createNorm(init, join(at, "norm"), width),
    expand: createLinear(init, join(at, "expand"), width, 4 * width),
    contract: createLinear(init, join(at, "contract"), 4 * width, width),
    ...(hasLayerScale && {
      layerScale: init(join(at, "layerScale"), [width], { kind: "constant", value: 1e-6 }),
    }),
  });
  const down = (at: string, inside: number, out: number) => ({
    norm: createNorm(init, join(at, "norm"), inside),
    convolution: createPatches(init, join(at, "convolution"), [2, 2], inside, out),
  });
  return {
    stem: {
      convolution: createPatches(init, join(path, "stem.convolution"), patch, 3, widths[0]!),
      norm: createNorm(init, join(path, "stem.norm"), widths[0]!),
    },
    stages: widths.map((width, i) => {
      const at = join(path, `stages.${i}`);
      return {
        ...(i > 0 && { down: down(join(at, "down"), widths[i - 1]!, width) }),
        blocks: Array.from({ length: depths[i]! }, (_, j) => block(join(at, `blocks.${j}`), width)),
      };
    }),
    norms: outputs.map((stage, i) => createNorm(init, join(path, `norms.${i}`), stageWidth(config, stage))),
  };
}

/**
 * The normalised results of the stages in use for `x` [batch, height, width, 3]: [batch, height / (4 * 2^i), width / (4 *
 * 2^i), channels] for the published patch of 4x4, sizes rounded down.
 */
export function convNext(params: ConvNext, { outputs }: ConvNextConfig, x: Tensor4D): Tensor4D[] {
  const { stem, stages, norms } = params;
  const results: Tensor4D[] = [];
  const keep = (h: Tensor4D, stage: number) => {
    const which = outputs.indexOf(stage);
    if (which >= 0) results.push(layerNorm(h, norms[which]!, EPSILON));
  };
  let h = step([], () => layerNorm(patches(x, stem.convolution), stem.norm, EPSILON));
  keep(h, 0);
  stages.forEach(({ down, blocks }, i) => {
    if (down) h = step([h], () => patches(layerNorm(h, down.norm, EPSILON), down.convolution));
    for (const block of blocks) h = step([h], () => runBlock(block, h));
    keep(h, i + 1);
  });
  h.dispose();
  return results;
}

function runBlock({ depthwise, norm, expand, contract, layerScale }: ConvNextBlock, x: Tensor4D): Tensor4D {
  const kernel = reshape(depthwise.kernel, [KERNEL, KERNEL, x.shape[3], 1]) as Tensor4D;
  const around: Tensor4D = add(depthwiseConv2d(x, kernel, 1, "same"), depthwise.bias);
  const inner = linear(gelu(linear(layerNorm(around, norm, EPSILON), expand)), contract);
  return add(x, layerScale ? mul(inner, layerScale) : inner);
}
