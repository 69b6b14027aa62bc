import {
  backend_util,
  type KernelFunc,
  registerKernel,
  type Tensor,
  type Tensor4D,
  type TensorInfo,
  tidy,
  unregisterKernel,
  zeros,
} from "@tensorflow/tfjs-core";
import { ATTR, DT } from "../dtypes.js";
import { outsideRecording } from "../jit/trace-binding.js";
import type { OpAttribute } from "../native.js";
import type { NodeBackend } from "../node-backend.js";
import { type Algorithm, chooseAlgorithm } from "./choices.js";
import {
  type ConvolutionShape,
  forwardByProduct,
  inputGradientByProduct,
  kernelGradientByProduct,
} from "./im2col.js";

type Info = backend_util.Conv2DInfo;
type Direction = "forward" | "input" | "kernel";

/** Above this many bytes of patches, only the native op is considered. */
const largestPatches = 128 * 2 ** 20;

/** How convolutions choose their algorithm: by measurement, or always TensorFlow's own op. */
export type ConvolutionMode = "measured" | "native";

/** Replaces tfjs-node's convolution kernels by ones that choose an algorithm and take any padding. */
export function registerConvolutions(mode: ConvolutionMode): void {
  replace("Conv2D", (backend, { x, filter }, attrs) => {
    const info = infoOf(x!.shape, filter!.shape, attrs, attrs.dilations as number);
    return compute("forward", backend, info, x!, filter!, mode);
  });
  replace("Conv2DBackpropInput", (backend, { dy, filter }, attrs) => {
    const info = infoOf(attrs.inputShape as number[], filter!.shape, attrs, 1);
    return compute("input", backend, info, dy!, filter!, mode);
  });
  replace("Conv2DBackpropFilter", (backend, { x, dy }, attrs) => {
    const info = infoOf(x!.shape, attrs.filterShape as number[], attrs, 1);
    return compute("kernel", backend, info, x!, dy!, mode);
  });
}

function replace(
  kernelName: string,
  run: (
    backend: NodeBackend,
    inputs: Record<string, TensorInfo>,
    attrs: Record<string, unknown>,
  ) => TensorInfo,
): void {
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) =>
    run(backend as NodeBackend, inputs as Record<string, TensorInfo>, attrs as Record<string, unknown>);
  unregisterKernel(kernelName, "tensorflow");
  registerKernel({ kernelName, backendName: "tensorflow", kernelFunc });
}

function infoOf(
  input: number[],
  filter: number[],
  attrs: Record<string, unknown>,
  dilations: number | number[],
): Info {
  return backend_util.computeConv2DInfo(
    input as [number, number, number, number],
    filter as [number, number, number, number],
    attrs.strides as number,
    dilations as number,
    attrs.pad as number,
    attrs.dimRoundingMode as "floor",
    false,
    backend_util.convertConv2DDataFormat(attrs.dataFormat as "NHWC"),
  );
}

function compute(
  direction: Direction,
  backend: NodeBackend,
  info: Info,
  a: TensorInfo,
  b: TensorInfo,
  mode: ConvolutionMode,
): TensorInfo {
  const shape = shapeFor(info, a);
  if (!shape || mode === "native" || backend.binding.isUsingGpuDevice())
    return native(direction, backend, info, a, b);
  const algorithm = chooseAlgorithm(keyOf(direction, shape), () =>
    outsideRecording(() => measure(direction, backend, info, shape, a.shape, b.shape)),
  );
  return algorithm === "native" ? native(direction, backend, info, a, b) : byProduct(direction, shape, a, b);
}

/** The shape of a convolution that a matrix product can compute, or undefined. */
function shapeFor(info: Info, a: TensorInfo): ConvolutionShape | undefined {
  const { padInfo } = info;
  const plain =
    info.strideHeight === 1 &&
    info.strideWidth === 1 &&
    info.dilationHeight === 1 &&
    info.dilationWidth === 1;
  const kernelSize = info.filterHeight * info.filterWidth;
  const patchBytes =
    4 *
    info.batchSize *
    info.outHeight *
    info.outWidth *
    kernelSize *
    Math.max(info.inChannels, info.outChannels);
  if (
    !plain ||
    kernelSize === 1 ||
    info.dataFormat !== "channelsLast" ||
    patchBytes > largestPatches ||
    a.dtype !== "float32"
  )
    return undefined;
  return {
    batch: info.batchSize,
    height: info.inHeight,
    width: info.inWidth,
    inChannels: info.inChannels,
    kernelHeight: info.filterHeight,
    kernelWidth: info.filterWidth,
    outChannels: info.outChannels,
    top: padInfo.top,
    bottom: padInfo.bottom,
    left: padInfo.left,
    right: padInfo.right,
  };
}

const keyOf = (direction: Direction, s: ConvolutionShape): string =>
  `${direction} ${s.batch}x${s.height}x${s.width}x${s.inChannels} ${s.kernelHeight}x${s.kernelWidth}x${s.outChannels} ${s.top},${s.bottom},${s.left},${s.right}`;

function byProduct(direction: Direction, shape: ConvolutionShape, a: TensorInfo, b: TensorInfo): TensorInfo {
  const run = { forward: forwardByProduct, input: inputGradientByProduct, kernel: kernelGradientByProduct }[
    direction
  ];
  return tidy(() => run(a as Tensor4D, b as Tensor4D, shape));
}

function native(
  direction: Direction,
  backend: NodeBackend,
  info: Info,
  a: TensorInfo,
  b: TensorInfo,
): TensorInfo {
  const attributes = nativeAttributes(info);
  if (direction === "forward") return backend.executeSingleOutput("Conv2D", attributes, [a, b]);
  const op = direction === "input" ? "Conv2DBackpropInput" : "Conv2DBackpropFilter";
  const sizes = Int32Array.from(direction === "input" ? info.inShape : info.filterShape);
  const sizesId = backend.binding.createTensor([4], DT.int32, sizes);
  try {
    const [first, second] = backend.getInputTensorIds([a, b]) as [number, number];
    // Both take the sizes beside the tensor that stays: (sizes, filter, dy) and (x, sizes, dy).
    const ids = direction === "input" ? [sizesId, second, first] : [first, sizesId, second];
    return backend.createOutputTensor(backend.binding.executeOp(op, attributes, ids, 1)[0]!);
  } finally {
    backend.binding.deleteTensor(sizesId);
  }
}

function nativeAttributes(info: Info): OpAttribute[] {
  const last = info.dataFormat === "channelsLast";
  const around = (height: number, width: number): number[] =>
    last ? [1, height, width, 1] : [1, 1, height, width];
  const { type, top, bottom, left, right } = info.padInfo;
  const padding = type === "SAME" || type === "VALID" ? type : "EXPLICIT";
  const attributes: OpAttribute[] = [
    { name: "strides", type: ATTR.int, value: around(info.strideHeight, info.strideWidth) },
    { name: "padding", type: ATTR.string, value: padding },
    { name: "data_format", type: ATTR.string, value: last ? "NHWC" : "NCHW" },
    { name: "dilations", type: ATTR.int, value: around(info.dilationHeight, info.dilationWidth) },
  ];
  if (padding === "EXPLICIT") {
    const sides = [top, bottom, left, right];
    attributes.push({
      name: "explicit_paddings",
      type: ATTR.int,
      value: last ? [0, 0, ...sides, 0, 0] : [0, 0, 0, 0, ...sides],
    });
  }
  return attributes;
}

/** Runs both algorithms in turn on zeros of these shapes and names the faster; ties go to the native op. */
function measure(
  direction: Direction,
  backend: NodeBackend,
  info: Info,
  shape: ConvolutionShape,
  a: number[],
  b: number[],
): Algorithm {
  return tidy(() => {
    const [x, y] = [zeros(a), zeros(b)] as [Tensor, Tensor];
    const once = (run: () => TensorInfo): number => {
      const started = performance.now();
      tidy(() => run() as Tensor);
      return performance.now() - started;
    };
    const best = { native: Number.POSITIVE_INFINITY, product: Number.POSITIVE_INFINITY };
    // The first round pays for allocation and for oneDNN's own compilation.
    for (let round = 0; round < 4; round++) {
      best.native = Math.min(
        best.native,
        once(() => native(direction, backend, info, x, y)),
      );
      best.product = Math.min(
        best.product,
        once(() => byProduct(direction, shape, x, y)),
      );
    }
    return (best.product < 0.95 * best.native ? "product" : "native") as unknown as Tensor;
  }) as unknown as Algorithm;
}
