import type { StoredWeights } from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { DT } from "./dtypes.js";
import { requireEngine } from "./engine.js";
import { asTensorFlowError } from "./errors.js";

const storedKinds = { F32: 0, F16: 1, BF16: 2 } as const;

/**
 * Weights of a file as a float32 tensor in our order, read by all processors in one pass (native/weights.cc).
 * The caller disposes it.
 * @throws TensorFlowError where the file cannot be read or ends too soon
 */
export function loadWeights(
  { path, byteOffset, dtype, order }: StoredWeights,
  shape: readonly number[],
): { tensor: Tensor; finite: boolean } {
  const { native, backend } = requireEngine("loadWeights");
  try {
    const { id, finite } = native.loadWeights(shape, path, byteOffset, storedKinds[dtype], order);
    const tensor = backend.createOutputTensor({ id, shape: [...shape], dtype: DT.float32 }) as Tensor;
    return { tensor, finite };
  } catch (error) {
    throw asTensorFlowError(error, `loadWeights: ${dtype}[${shape.join(", ")}]`);
  }
}
