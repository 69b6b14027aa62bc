import {
  backend_util,
  clone,
  type KernelFunc,
  mul,
  reshape,
  sum,
  type Tensor,
  type TensorInfo,
  tidy,
  transpose,
} from "@tensorflow/tfjs-core";
import { attributesOf } from "./kernel-arguments.js";

/**
 * Einstein summation, which tfjs-backend-wasm lacks, by broadcast products and sums as in tfjs's other backends: any
 * equation, but the products exist whole. Matrix products go by `matMul`.
 */
export const einsum: KernelFunc = ({ inputs, attrs }) => {
  const { equation } = attributesOf<{ equation: string }>(attrs);
  const tensors = Object.values(inputs) as Tensor[];
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, tensors.length);
  backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors);
  const { path, steps } = backend_util.getEinsumComputePath(summedDims, idDims);
  return tidy(() => {
    let result: Tensor | undefined;
    let remaining = allDims.length;
    steps.forEach((terms, step) => {
      for (const term of terms) {
        const aligned = align(tensors[term]!, remaining, idDims[term]!);
        result = result ? mul(aligned, result) : aligned;
      }
      if (step === steps.length - 1) return;
      if (path[step]! >= 0) result = sum(result!, path[step]! - (allDims.length - remaining));
      remaining--;
    });
    return clone(result!);
  }) as TensorInfo;
};

/** `x` with its axes in the order of the equation and axes of size 1 where it has none. */
function align(x: Tensor, axes: number, ids: number[]): Tensor {
  const { permutationIndices, expandDims } = backend_util.getEinsumPermutation(axes, ids);
  const ordered = backend_util.isIdentityPermutation(permutationIndices)
    ? x
    : transpose(x, permutationIndices);
  const shape = ordered.shape.slice();
  for (const axis of expandDims) shape.splice(axis, 0, 1);
  return reshape(ordered, shape);
}
