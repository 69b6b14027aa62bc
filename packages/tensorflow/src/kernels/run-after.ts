import { type KernelFunc, registerKernel, type TensorInfo } from "@tensorflow/tfjs-core";
import { activeTrace } from "../jit/trace-binding.js";
import type { NodeBackend } from "../node-backend.js";

/**
 * Core's RunAfter: its inputs but the last one, not before the last one is there. In a recording this is a control
 * edge, which also keeps a repeated forward pass from being merged with the first.
 */
export function registerRunAfter(): void {
  const kernelFunc: KernelFunc = ({ inputs, backend }) => {
    const engine = backend as NodeBackend;
    const all = Object.values(inputs) as TensorInfo[];
    const tensors = all.slice(0, -1);
    const trace = activeTrace();
    if (!trace)
      return tensors.map((tensor) => {
        engine.incRef(tensor.dataId);
        return { dataId: tensor.dataId, shape: tensor.shape, dtype: tensor.dtype };
      });
    const outputs = engine.getInputTensorIds(all).map((id) => trace.outputOf(id));
    const last = trace.nodeOf(outputs.pop()!);
    return tensors.map(({ shape }, i) => {
      const made = trace.node("Identity", [], [outputs[i]!], [last]).outputs[0]!;
      const id = trace.symbol({ output: made.id, shape, dtype: made.dtype, op: "Identity" });
      return engine.createOutputTensor({ id, shape, dtype: made.dtype });
    });
  };
  registerKernel({ kernelName: "RunAfter", backendName: "tensorflow", kernelFunc });
}
