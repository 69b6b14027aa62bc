import {
  backend_util,
  concat,
  conv2d,
  type KernelFunc,
  matMul,
  pad,
  reshape,
  reverse,
  slice,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  type TensorInfo,
  tidy,
  transpose,
} from "@tensorflow/tfjs-core";
import { ControlNetError } from "../errors.js";
import { attributesOf, tensorsOf } from "./kernel-arguments.js";

type Shape4D = [number, number, number, number];

interface Attributes {
  strides: number | [number, number];
  pad: "same" | "valid" | number | backend_util.ExplicitPadding;
  dataFormat: "NHWC" | "NCHW";
  dimRoundingMode?: "floor" | "round" | "ceil";
}

const geometryOf = (inputShape: Shape4D, filterShape: Shape4D, attributes: Attributes) =>
  backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    attributes.strides,
    1,
    attributes.pad,
    attributes.dimRoundingMode,
  );

/**
 * The gradient of a convolution for its filter, which tfjs-backend-wasm lacks: for every tap, the product of the
 * upstream gradient [out, pixels] with the input shifted by that tap [pixels, in].
 */
export const conv2DBackpropFilter: KernelFunc = ({ inputs, attrs }) => {
  const { x, dy } = tensorsOf(inputs, "x", "dy");
  const attributes = attributesOf<Attributes & { filterShape: Shape4D }>(attrs);
  if (attributes.dataFormat !== "NHWC")
    throw new ControlNetError(
      "unsupported",
      `Conv2DBackpropFilter on wasm: expected data format NHWC, got ${attributes.dataFormat}`,
    );
  const { filterShape } = attributes;
  const [kernelHeight, kernelWidth, inChannels, outChannels] = filterShape;
  const geometry = geometryOf(x.shape as Shape4D, filterShape, attributes);
  const { batchSize, outHeight, outWidth } = geometry;
  const pixels = batchSize * outHeight * outWidth;
  return tidy(() => {
    const shifted = shifts(x as Tensor4D, geometry);
    const upstream = transpose(reshape(dy, [pixels, outChannels]));
    const taps: Tensor2D[] = [];
    for (let i = 0; i < kernelHeight; i++)
      for (let j = 0; j < kernelWidth; j++)
        taps.push(matMul(upstream, reshape(shifted(i, j), [pixels, inChannels]) as Tensor2D));
    const stacked = reshape(concat(taps, 0), [kernelHeight * kernelWidth, outChannels, inChannels]);
    return reshape(transpose(stacked, [0, 2, 1]), filterShape);
  }) as TensorInfo;
};

/** The pixels of `x` that tap (i, j) of a filter sees: [batch, outHeight, outWidth, in]. */
function shifts(x: Tensor4D, geometry: backend_util.Conv2DInfo): (i: number, j: number) => Tensor {
  const { batchSize: batch, inChannels, outHeight, outWidth, padInfo } = geometry;
  const { strideHeight, strideWidth, filterHeight, filterWidth } = geometry;
  // Whole strides, so that every tap's pixels are a phase of rows and a phase of columns.
  const rows = outHeight + Math.ceil(filterHeight / strideHeight) - 1;
  const columns = outWidth + Math.ceil(filterWidth / strideWidth) - 1;
  const padded = fitted(x, padInfo.top, padInfo.left, rows * strideHeight, columns * strideWidth);
  const byRow = reshape(padded, [batch * rows, strideHeight * columns * strideWidth * inChannels]);
  const rowSize = columns * strideWidth * inChannels;
  return (i, j) => {
    const phase =
      strideHeight === 1 ? byRow : slice(byRow, [0, (i % strideHeight) * rowSize], [batch * rows, rowSize]);
    const [row, column] = [Math.floor(i / strideHeight), Math.floor(j / strideWidth)];
    if (strideWidth === 1)
      return slice(
        reshape(phase, [batch, rows, rowSize]),
        [0, row, column * inChannels],
        [batch, outHeight, outWidth * inChannels],
      );
    return slice(
      reshape(phase, [batch, rows, columns, strideWidth * inChannels]),
      [0, row, column, (j % strideWidth) * inChannels],
      [batch, outHeight, outWidth, inChannels],
    );
  };
}

/** `x` with `top` and `left` zeros before it, cut or filled with zeros to height x width. */
function fitted(x: Tensor4D, top: number, left: number, height: number, width: number): Tensor4D {
  const [batch, oldHeight, oldWidth, channels] = x.shape;
  const [bottom, right] = [height - top - oldHeight, width - left - oldWidth];
  const grown =
    top > 0 || left > 0 || bottom > 0 || right > 0
      ? pad(x, [
          [0, 0],
          [top, Math.max(0, bottom)],
          [left, Math.max(0, right)],
          [0, 0],
        ])
      : x;
  return bottom < 0 || right < 0 ? slice(grown, [0, 0, 0, 0], [batch, height, width, channels]) : grown;
}

/**
 * The gradient of a convolution for its input. tfjs-backend-wasm has plain loops for it (2 GFLOP/s); this is the
 * convolution (XNNPACK, 30 GFLOP/s) of the upstream gradient, spread by the stride, with the turned filter.
 */
export const conv2DBackpropInput =
  (original: KernelFunc): KernelFunc =>
  (call) => {
    const { dy, filter } = tensorsOf(call.inputs, "dy", "filter");
    const attributes = attributesOf<Attributes & { inputShape: Shape4D }>(call.attrs);
    if (attributes.dataFormat !== "NHWC") return original(call);
    const geometry = geometryOf(attributes.inputShape, filter.shape as Shape4D, attributes);
    const { filterHeight, filterWidth, inHeight, inWidth, padInfo } = geometry;
    const [top, left] = [filterHeight - 1 - padInfo.top, filterWidth - 1 - padInfo.left];
    if (top < 0 || left < 0) return original(call);
    return tidy(() => {
      const spread = spreadBy(dy as Tensor4D, geometry.strideHeight, geometry.strideWidth);
      const framed = fitted(spread, top, left, inHeight + filterHeight - 1, inWidth + filterWidth - 1);
      const turned = transpose(reverse(filter, [0, 1]), [0, 1, 3, 2]) as Tensor4D;
      return conv2d(framed, turned, 1, "valid");
    }) as TensorInfo;
  };

/** Puts `strideHeight - 1` rows and `strideWidth - 1` columns of zeros after each row and column. */
function spreadBy(x: Tensor4D, strideHeight: number, strideWidth: number): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const afterEach = (y: Tensor, count: number, size: number, stride: number): Tensor =>
    stride === 1
      ? y
      : pad(reshape(y, [count, size]), [
          [0, 0],
          [0, size * (stride - 1)],
        ]);
  const columns = afterEach(x, batch * height * width, channels, strideWidth);
  const rows = afterEach(columns, batch * height, width * strideWidth * channels, strideHeight);
  return reshape(rows, [batch, height * strideHeight, width * strideWidth, channels]);
}
