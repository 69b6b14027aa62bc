import {
  concat,
  type KernelFunc,
  matMul,
  reshape,
  slice,
  type Tensor,
  type Tensor2D,
  type TensorInfo,
  tidy,
  transpose,
} from "@tensorflow/tfjs-core";
import { attributesOf, sizeOf, tensorsOf } from "./kernel-arguments.js";

/** Below this many multiplications a plain loop beats slicing and packing. */
const smallProduct = 2 ** 15;

interface Attributes {
  transposeA: boolean;
  transposeB: boolean;
}

/**
 * Matrix products where tfjs-backend-wasm has plain loops (1 GFLOP/s): it multiplies by XNNPACK (15-40 GFLOP/s) only
 * two untransposed matrices without a batch. So this transposes first and goes through the batch one by one.
 */
export const batchMatMul =
  (original: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = tensorsOf(call.inputs, "a", "b");
    const { transposeA, transposeB } = attributesOf<Attributes>(call.attrs);
    const [rows, inner] = matrixOf(a, transposeA);
    const [, columns] = matrixOf(b, transposeB);
    const [batchA, batchB] = [a, b].map((x) => x.shape.slice(0, -2)) as [number[], number[]];
    const [countA, countB] = [sizeOf(batchA), sizeOf(batchB)];
    const plain = !transposeA && !transposeB && countA === 1 && countB === 1;
    const broadcast = `${batchA}` !== `${batchB}` && countA !== 1 && countB !== 1;
    if (plain || broadcast || rows * inner * columns < smallProduct || a.dtype !== "float32")
      return original(call);
    return tidy(() => {
      const left = transposeA ? swapped(a) : a;
      const right = transposeB ? swapped(b) : b;
      const batch = countA >= countB ? batchA : batchB;
      if (countB === 1)
        return reshape(
          matMul(reshape(left, [countA * rows, inner]), reshape(right, [inner, columns]) as Tensor2D),
          [...batch, rows, columns],
        );
      const parts = Array.from({ length: countB }, (_, i) =>
        matMul(matrixAt(left, countA === 1 ? 0 : i, rows, inner), matrixAt(right, i, inner, columns)),
      );
      return reshape(concat(parts, 0), [...batch, rows, columns]);
    }) as TensorInfo;
  };

function matrixOf(x: Tensor, transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function swapped(x: Tensor): Tensor {
  const order = x.shape.map((_, i) => i);
  return transpose(x, [...order.slice(0, -2), x.rank - 1, x.rank - 2]);
}

function matrixAt(x: Tensor, index: number, rows: number, columns: number): Tensor2D {
  const stacked = reshape(x, [-1, rows, columns]);
  return reshape(slice(stacked, [index, 0, 0], [1, rows, columns]), [rows, columns]);
}
