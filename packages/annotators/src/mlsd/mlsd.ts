import type { KeyRow, TensorSource } from "@controlnet-js/checkpoints";
import { type Convolution, convolution } from "@controlnet-js/core";
import { add, concat, image, relu, relu6, slice, type Tensor4D } from "@tensorflow/tfjs-core";
import {
  type NormalizedConvolution,
  type NormalizedConvolutionKeys,
  normalizedConvolution,
  normalizedConvolutionRows,
} from "../layers/normalized-convolution.js";
import { loadNetwork } from "../weights/load-network.js";

/** The parameters of M-LSD large: MobileNetV2's first 14 stages, then four merges from deep to shallow. */
export interface Mlsd {
  input: NormalizedConvolution;
  blocks: {
    expand?: NormalizedConvolution;
    depthwise: NormalizedConvolution;
    project: NormalizedConvolution;
  }[];
  merges: Record<"deep" | "shallow" | "residual" | "narrow", NormalizedConvolution>[];
  head: { dilated: NormalizedConvolution; refine: NormalizedConvolution; output: Convolution };
}

/** Inverted residuals of MobileNetV2: factor of the inner width, channels out, stride (Sandler et al., 2018). */
const stages = [
  [1, 16, 1],
  [6, 24, 2],
  [6, 24, 1],
  [6, 32, 2],
  [6, 32, 1],
  [6, 32, 1],
  [6, 64, 2],
  [6, 64, 1],
  [6, 64, 1],
  [6, 64, 1],
  [6, 96, 1],
  [6, 96, 1],
  [6, 96, 1],
] as const;
/** The stages whose results are merged, shallow to deep. */
const tapped = [0, 2, 5, 9, 12];
/** Channels of the shallow and the deep side of each merge. */
const merged = [
  [64, 96],
  [32, 64],
  [24, 64],
  [16, 64],
] as const;

function mlsdRows(): KeyRow[] {
  const rows: KeyRow[] = [];
  const layer = (
    path: string,
    convolutionKey: string,
    normalization: string,
    kernel: NormalizedConvolutionKeys["kernel"],
    bias: boolean,
  ) =>
    rows.push(
      ...normalizedConvolutionRows(path, { convolution: convolutionKey, normalization, kernel, bias }),
    );
  layer("input", "backbone.features.0.0", "backbone.features.0.1", [3, 3, 4, 32], false);
  let width = 32;
  stages.forEach(([factor, outChannels], i) => {
    const inner = width * factor;
    const keys = (j: number | string) => `backbone.features.${i + 1}.conv.${j}`;
    let j = 0;
    if (factor > 1) {
      layer(`blocks.${i}.expand`, keys("0.0"), keys("0.1"), [1, 1, width, inner], false);
      j++;
    }
    layer(`blocks.${i}.depthwise`, keys(`${j}.0`), keys(`${j}.1`), [3, 3, 1, inner], false);
    layer(`blocks.${i}.project`, keys(j + 1), keys(j + 2), [1, 1, inner, outChannels], false);
    width = outChannels;
  });
  const withBias = (path: string, key: string, kernel: NormalizedConvolutionKeys["kernel"]) =>
    layer(path, `${key}.0`, `${key}.1`, kernel, true);
  merged.forEach(([shallow, deep], i) => {
    const path = `merges.${i}`;
    const [join, refine] = [`block${15 + 2 * i}`, `block${16 + 2 * i}`];
    withBias(`${path}.deep`, `${join}.conv1`, [1, 1, deep, 64]);
    withBias(`${path}.shallow`, `${join}.conv2`, [1, 1, shallow, 64]);
    withBias(`${path}.residual`, `${refine}.conv1`, [3, 3, 128, 128]);
    withBias(`${path}.narrow`, `${refine}.conv2`, [3, 3, 128, 64]);
  });
  withBias("head.dilated", "block23.conv1", [3, 3, 64, 64]);
  withBias("head.refine", "block23.conv2", [3, 3, 64, 64]);
  const output = "head.output";
  rows.push(
    { path: `${output}.kernel`, key: "block23.conv3.weight", layout: "convolution", shape: [1, 1, 64, 16] },
    { path: `${output}.bias`, key: "block23.conv3.bias", layout: "plain", shape: [16] },
  );
  return rows;
}

/**
 * Loads M-LSD from the weights published as `mlsd_large_512_fp32.pth`. The caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export const loadMlsd = (source: TensorSource, where = "loadMlsd"): Mlsd =>
  loadNetwork(source, { name: "mlsd", rows: mlsdRows(), ignore: [/\.num_batches_tracked$/] }, where);

/**
 * The line map [batch, height / 2, width / 2, 9] of `x` [batch, height, width, 4] in [-1, 1], RGB and a fourth channel of
 * ones divided alike, sides multiples of 32: the logit of a segment's centre, then from the centre to both of its ends x
 * and y, in pixels of this map (Gu et al., "Towards light-weight and real-time line segment detection", 2021).
 */
export function mlsd(params: Mlsd, x: Tensor4D): Tensor4D {
  const features = backbone(params, x);
  let h = features[4]!;
  params.merges.forEach(({ deep, shallow, residual, narrow }, i) => {
    const side = relu(normalizedConvolution(features[3 - i]!, shallow));
    const below = relu(normalizedConvolution(h, deep));
    const joined = concat([side, i === 0 ? below : twice(below)], 3);
    h = relu(normalizedConvolution(add(relu(normalizedConvolution(joined, residual)), joined), narrow));
  });
  h = relu(normalizedConvolution(h, params.head.dilated, { dilation: 5 }));
  h = convolution(relu(normalizedConvolution(h, params.head.refine)), params.head.output);
  return slice(h, [0, 0, 0, 7], [-1, -1, -1, 9]);
}

function backbone(params: Mlsd, x: Tensor4D): Tensor4D[] {
  let h: Tensor4D = relu6(normalizedConvolution(x, params.input, { stride: 2 }));
  const features: Tensor4D[] = [];
  params.blocks.forEach(({ expand, depthwise, project }, i) => {
    const stride = stages[i]![2];
    const wide: Tensor4D = expand ? relu6(normalizedConvolution(h, expand)) : h;
    const inner: Tensor4D = relu6(normalizedConvolution(wide, depthwise, { stride, depthwise: true }));
    const narrow = normalizedConvolution(inner, project);
    h = stride === 1 && narrow.shape[3] === h.shape[3] ? add(h, narrow) : narrow;
    if (tapped.includes(i)) features.push(h);
  });
  return features;
}

/** Twice the size, bilinear, corners on corners. */
const twice = (x: Tensor4D): Tensor4D => image.resizeBilinear(x, [2 * x.shape[1], 2 * x.shape[2]], true);
