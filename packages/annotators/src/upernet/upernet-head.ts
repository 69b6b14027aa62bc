import type { KeyRow } from "@controlnet-js/checkpoints";
import { type Convolution, convolution } from "@controlnet-js/core";
import { add, concat, image, matMul, relu, reshape, type Tensor4D, tensor3d } from "@tensorflow/tfjs-core";
import {
  type NormalizedConvolution,
  normalizedConvolution,
  normalizedConvolutionRows,
} from "../layers/normalized-convolution.js";
import { stageWidth } from "./backbone-config.js";
import type { UperNetConfig } from "./config.js";
import { step } from "./step.js";

/**
 * The parameters of UPerNet's head: a pyramid of averages over the deepest features, then a feature pyramid from deep to
 * shallow. Each convolution is followed by a batch norm and a ReLU.
 */
export interface UperNetHead {
  /** One for each size of the pyramid. */
  pyramid: NormalizedConvolution[];
  /** Joins the pyramid and the deepest features. */
  context: NormalizedConvolution;
  /** One for each of the other features, shallow to deep. */
  laterals: NormalizedConvolution[];
  smooth: NormalizedConvolution[];
  /** Joins all levels. */
  join: NormalizedConvolution;
  classifier: Convolution;
}

/** The rows of the key table for the head, as transformers names them. */
export function uperNetHeadRows(
  path: string,
  { backbone, width, poolSizes, classes }: UperNetConfig,
): KeyRow[] {
  const layer = (leaf: string, name: string, size: number, inside: number): KeyRow[] =>
    normalizedConvolutionRows(`${path}.${leaf}`, {
      convolution: `decode_head.${name}.conv`,
      normalization: `decode_head.${name}.batch_norm`,
      kernel: [size, size, inside, width],
      bias: false,
    });
  const widths = backbone.outputs.map((stage) => stageWidth(backbone, stage));
  const deepest = widths[widths.length - 1]!;
  const others = widths.slice(0, -1);
  return [
    ...poolSizes.flatMap((_, i) => layer(`pyramid.${i}`, `psp_modules.${i}.1`, 1, deepest)),
    ...layer("context", "bottleneck", 3, deepest + poolSizes.length * width),
    ...others.flatMap((inside, i) => layer(`laterals.${i}`, `lateral_convs.${i}`, 1, inside)),
    ...others.flatMap((_, i) => layer(`smooth.${i}`, `fpn_convs.${i}`, 3, width)),
    ...layer("join", "fpn_bottleneck", 3, widths.length * width),
    {
      path: `${path}.classifier.kernel`,
      key: "decode_head.classifier.weight",
      layout: "convolution",
      shape: [1, 1, width, classes],
    },
    {
      path: `${path}.classifier.bias`,
      key: "decode_head.classifier.bias",
      layout: "plain",
      shape: [classes],
    },
  ];
}

/**
 * The logits [batch, height, width, classes] of features [batch, height, width, channels], shallow to deep, in the size of
 * the shallowest (Xiao et al., "Unified perceptual parsing for scene understanding", 2018). The features are disposed.
 */
export function uperNetHead(
  params: UperNetHead,
  { poolSizes }: UperNetConfig,
  features: Tensor4D[],
): Tensor4D {
  const deepest = features[features.length - 1]!;
  let below = step([deepest], () => {
    const views = params.pyramid.map((layer, i) =>
      enlarged(normalized(averages(deepest, poolSizes[i]!), layer), deepest),
    );
    return normalized(concat([deepest, ...views], 3), params.context);
  });
  const levels = [below];
  for (let i = features.length - 2; i >= 0; i--) {
    const feature = features[i]!;
    const above = below;
    below = step([feature], () => add(normalized(feature, params.laterals[i]!), enlarged(above, feature)));
    levels.unshift(below);
  }
  return step(levels, () => {
    const smooth = levels.map((level, i) =>
      i < levels.length - 1 ? normalized(level, params.smooth[i]!) : level,
    );
    const joined = concat(
      smooth.map((level) => enlarged(level, smooth[0]!)),
      3,
    );
    return convolution(normalized(joined, params.join), params.classifier);
  });
}

const normalized = (x: Tensor4D, layer: NormalizedConvolution): Tensor4D =>
  relu(normalizedConvolution(x, layer));

/** `x` in the height and width of `like`, bilinear, pixel centres aligned. */
function enlarged(x: Tensor4D, like: Tensor4D): Tensor4D {
  const [, height, width] = like.shape;
  return x.shape[1] === height && x.shape[2] === width
    ? x
    : image.resizeBilinear(x, [height, width], false, true);
}

/**
 * Means over a grid of `size` x `size` windows that cover `x` [batch, height, width, channels] and may overlap: PyTorch's
 * `AdaptiveAvgPool2d`.
 */
function averages(x: Tensor4D, size: number): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const rows = windows(height, size);
  const columns = windows(width, size);
  const weights = new Float32Array(size * size * height * width);
  for (let i = 0; i < size * size; i++) {
    const [top, bottom] = rows[Math.floor(i / size)]!;
    const [left, right] = columns[i % size]!;
    for (let y = top; y < bottom; y++)
      weights.fill(
        1 / ((bottom - top) * (right - left)),
        (i * height + y) * width + left,
        (i * height + y) * width + right,
      );
  }
  const means = matMul(
    tensor3d(weights, [1, size * size, height * width]),
    reshape(x, [batch, height * width, channels]),
  );
  return reshape(means, [batch, size, size, channels]);
}

const windows = (length: number, count: number): (readonly [start: number, end: number])[] =>
  Array.from({ length: count }, (_, i) => [
    Math.floor((i * length) / count),
    Math.ceil(((i + 1) * length) / count),
  ]);
