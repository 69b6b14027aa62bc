import { getKernel, type KernelFunc, registerKernel, unregisterKernel } from "@tensorflow/tfjs-core";
import { batchMatMul } from "./wasm/batch-mat-mul.js";
import { conv2DBackpropFilter, conv2DBackpropInput } from "./wasm/convolution-gradients.js";
import { einsum } from "./wasm/einsum.js";
import { sum } from "./wasm/sum.js";
import { unsortedSegmentSum } from "./wasm/unsorted-segment-sum.js";

/** Kernels that tfjs-backend-wasm 4.22 lacks, composed from those it has. */
const missing: Record<string, KernelFunc> = {
  Conv2DBackpropFilter: conv2DBackpropFilter,
  Einsum: einsum,
  UnsortedSegmentSum: unsortedSegmentSum,
};

/** Kernels whose cases that training meets are plain loops there: the rest goes to the original. */
const slow: Record<string, (original: KernelFunc) => KernelFunc> = {
  BatchMatMul: batchMatMul,
  Conv2DBackpropInput: conv2DBackpropInput,
  Sum: sum,
};

const completed = new WeakSet<KernelFunc>();

/**
 * Registers on tfjs-backend-wasm what training and sampling need and it lacks or has as plain loops only. Call it once
 * after importing the backend, before the first training step; a second call does nothing. tfjs's own gradients come
 * with `import "@tensorflow/tfjs"`.
 *
 * In Node the backend uses SIMD but one thread (tfjs issue 3830); a page that is cross-origin isolated uses threads.
 */
export function completeWasmKernels(): void {
  const backendName = "wasm";
  for (const [kernelName, kernelFunc] of Object.entries(missing))
    if (!getKernel(kernelName, backendName)) registerKernel({ kernelName, backendName, kernelFunc });
  for (const [kernelName, improve] of Object.entries(slow)) {
    const original = getKernel(kernelName, backendName);
    if (!original || completed.has(original.kernelFunc)) continue;
    const kernelFunc = improve(original.kernelFunc);
    completed.add(kernelFunc);
    unregisterKernel(kernelName, backendName);
    registerKernel({ ...original, kernelFunc });
  }
}
