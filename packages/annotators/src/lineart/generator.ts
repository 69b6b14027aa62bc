import { keyRows, renameBy, type TensorSource } from "@controlnet-js/checkpoints";
import {
  type Convolution,
  convolution,
  createConvolution,
  type Initializer,
  shapeInitializer,
} from "@controlnet-js/core";
import {
  add,
  conv2d,
  conv2dTranspose,
  mirrorPad,
  moments,
  mul,
  relu,
  rsqrt,
  sigmoid,
  slice,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import { loadNetwork } from "../weights/load-network.js";

/** The parameters of the line art generator: its instance norms have none. */
export interface LineartGenerator<L = Tensor> {
  input: Convolution<L>;
  down: Convolution<L>[];
  blocks: { first: Convolution<L>; second: Convolution<L> }[];
  /** Transposed convolutions, kernels [3, 3, out, in]. */
  up: Convolution<L>[];
  output: Convolution<L>;
}

function createGenerator<L>(init: Initializer<L>): LineartGenerator<L> {
  const make = (path: string, inChannels: number, outChannels: number, size = 3) =>
    createConvolution(init, path, inChannels, outChannels, size);
  const makeTransposed = (path: string, inChannels: number, outChannels: number): Convolution<L> => ({
    kernel: make(path, outChannels, inChannels).kernel,
    bias: make(path, inChannels, outChannels).bias,
  });
  return {
    input: make("input", 3, 64, 7),
    down: [make("down.0", 64, 128), make("down.1", 128, 256)],
    blocks: [0, 1, 2].map((i) => ({
      first: make(`blocks.${i}.first`, 256, 256),
      second: make(`blocks.${i}.second`, 256, 256),
    })),
    up: [makeTransposed("up.0", 256, 128), makeTransposed("up.1", 128, 64)],
    output: make("output", 64, 1, 7),
  };
}

const publishedName = renameBy([
  [/^input$/, "model0.1"],
  [/^down\.(\d)$/, (_, i) => `model1.${3 * Number(i)}`],
  [/^blocks\.(\d)\.first$/, "model2.$1.conv_block.1"],
  [/^blocks\.(\d)\.second$/, "model2.$1.conv_block.5"],
  [/^up\.(\d)$/, (_, i) => `model3.${3 * Number(i)}`],
  [/^output$/, "model4.1"],
]);

/**
 * Loads the generator from the weights published as `sk_model.pth` (fine lines) or `sk_model2.pth` (coarse ones). The
 * caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export const loadLineart = (source: TensorSource, where = "loadLineart"): LineartGenerator =>
  loadNetwork(
    source,
    { name: "lineart", rows: keyRows(createGenerator(shapeInitializer), publishedName) },
    where,
  );

/**
 * A drawing [batch, height, width, 1] in [0, 1], dark lines on white, of an RGB picture [batch, height, width, 3] in
 * [0, 1] whose sides are multiples of 4 (Chan, Durand and Isola, "Learning to generate line drawings", 2022).
 */
export function lineart(params: LineartGenerator, picture: Tensor4D): Tensor4D {
  let h = relu(instanceNorm(reflected(picture, params.input)));
  for (const layer of params.down) h = relu(instanceNorm(convolution(h, layer, { stride: 2 })));
  for (const { first, second } of params.blocks) {
    const inner = relu(instanceNorm(reflected(h, first)));
    h = add(h, instanceNorm(reflected(inner, second)));
  }
  for (const layer of params.up) h = relu(instanceNorm(enlarged(h, layer)));
  return sigmoid(reflected(h, params.output));
}

/** A convolution whose surroundings are the picture mirrored at its border pixels. */
function reflected(x: Tensor4D, { kernel, bias }: Convolution): Tensor4D {
  const around = (kernel.shape[0]! - 1) / 2;
  const side: [number, number] = [around, around];
  const padded = mirrorPad(x, [[0, 0], side, side, [0, 0]], "reflect");
  return add(conv2d(padded, kernel as Tensor4D, 1, "valid"), bias as Tensor1D);
}

/**
 * A transposed convolution to twice the size, PyTorch's with `stride=2, padding=1, output_padding=1`: of the full result,
 * one row and column larger, the first ones fall away.
 */
function enlarged(x: Tensor4D, { kernel, bias }: Convolution): Tensor4D {
  const [batch, height, width] = x.shape;
  const channels = bias.shape[0]!;
  const full: [number, number, number, number] = [batch, 2 * height + 1, 2 * width + 1, channels];
  const whole = conv2dTranspose(x, kernel as Tensor4D, full, 2, "valid");
  return add(slice(whole, [0, 1, 1, 0], [batch, 2 * height, 2 * width, channels]), bias as Tensor1D);
}

/** Each channel of each picture with mean 0 and variance 1 (Ulyanov, Vedaldi and Lempitsky, 2016). */
function instanceNorm(x: Tensor4D): Tensor4D {
  const { mean, variance } = moments(x, [1, 2], true);
  return mul(sub(x, mean), rsqrt(add(variance, 1e-5)));
}
