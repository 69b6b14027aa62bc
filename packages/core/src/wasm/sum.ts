import {
  type KernelFunc,
  matMul,
  ones,
  reshape,
  type Tensor2D,
  type TensorInfo,
  tidy,
  util,
} from "@tensorflow/tfjs-core";
import { attributesOf, sizeOf, tensorsOf } from "./kernel-arguments.js";

/** Smaller sums stay with the original. */
const smallSum = 4096;

/** Sums over axes that are not the last, which tfjs-backend-wasm transposes in JavaScript: here a product with ones. */
export const sum =
  (original: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = tensorsOf(call.inputs, "x");
    const { axis, keepDims } = attributesOf<{ axis: number | number[]; keepDims: boolean }>(call.attrs);
    const axes = util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
    const first = axes[0] ?? 0;
    const last = axes[axes.length - 1] ?? 0;
    const contiguous = last - first === axes.length - 1;
    if (x.dtype !== "float32" || !contiguous || last === x.rank - 1 || x.size < smallSum)
      return original(call);
    const [before, summed, after] = [
      sizeOf(x.shape.slice(0, first)),
      sizeOf(x.shape.slice(first, last + 1)),
      sizeOf(x.shape.slice(last + 1)),
    ];
    const shape = keepDims
      ? x.shape.map((size, i) => (axes.includes(i) ? 1 : size))
      : x.shape.filter((_, i) => !axes.includes(i));
    return tidy(() => {
      const stacked = reshape(x, before === 1 ? [summed, after] : [before, summed, after]);
      const weights = ones(before === 1 ? [1, summed] : [1, 1, summed]);
      return reshape(matMul(weights as Tensor2D, stacked as Tensor2D), shape);
    }) as TensorInfo;
  };
