import {
  clone,
  engine,
  getBackend,
  getKernel,
  type NamedTensorMap,
  registerKernel,
  type Tensor,
  type TensorInfo,
} from "@tensorflow/tfjs-core";

const kernelName = "RunAfter";

/**
 * The same `tensors`, but not before `last` is there. An engine that compiles graphs registers its own "RunAfter"
 * (control edges, inputs in order with `last` at the end), which keeps it from running early, or from merging with its
 * first run, what is meant to run late and again. Elsewhere these are plain clones. No gradient.
 */
export function runAfter(tensors: readonly Tensor[], last: Tensor): Tensor[] {
  const backendName = getBackend();
  if (!getKernel(kernelName, backendName))
    registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs }) =>
        (Object.values(inputs) as Tensor[]).slice(0, -1).map((tensor) => clone(tensor)) as TensorInfo[],
    });
  const inputs = [...tensors, last] as unknown as NamedTensorMap;
  return engine().runKernel(kernelName, inputs) as unknown as Tensor[];
}
