import {
  backend_util,
  type KernelFunc,
  registerKernel,
  type TensorInfo,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { ATTR, DT } from "../dtypes.js";
import type { NodeBackend } from "../node-backend.js";

/** tfjs-node's GatherV2 reads the indices to check them, which stalls a GPU and cannot be recorded; TensorFlow checks them itself. */
export function registerGather(): void {
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) => {
    const { x, indices } = inputs as { x: TensorInfo; indices: TensorInfo };
    const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
    const engine = backend as NodeBackend;
    backend_util.segment_util.collectGatherOpShapeInfo(x as never, indices as never, axis, batchDims);
    const axisId = engine.binding.createTensor([], DT.int32, Int32Array.of(axis));
    try {
      const ids = engine.getInputTensorIds([x, indices]);
      const attributes = [{ name: "batch_dims", type: ATTR.int, value: batchDims }];
      return engine.createOutputTensor(
        engine.binding.executeOp("GatherV2", attributes, [...ids, axisId], 1)[0]!,
      );
    } finally {
      engine.binding.deleteTensor(axisId);
    }
  };
  unregisterKernel("GatherV2", "tensorflow");
  registerKernel({ kernelName: "GatherV2", backendName: "tensorflow", kernelFunc });
}
