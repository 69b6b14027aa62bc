import {
  engine,
  type GradFunc,
  getBackend,
  getGradient,
  type KernelFunc,
  type NamedTensorMap,
  registerGradient,
  registerKernel,
  type Tensor,
  type TensorInfo,
  unregisterGradient,
} from "@tensorflow/tfjs-core";
import { ATTR, DT } from "../dtypes.js";
import type { NodeBackend } from "../node-backend.js";

/**
 * Gives ReLU and ReLU6 TensorFlow's own gradient op on this backend. tfjs's is a chain of six whole-tensor ops; on
 * other backends it stays.
 */
export function registerReluGradients(): void {
  for (const name of ["Relu", "Relu6"]) {
    const gradientName = `${name}Grad`;
    const kernelFunc: KernelFunc = ({ inputs, backend }) => {
      const { dy, x } = inputs as { dy: TensorInfo; x: TensorInfo };
      const type = { name: "T", type: ATTR.type, value: DT.float32 };
      return (backend as NodeBackend).executeSingleOutput(gradientName, [type], [dy, x]);
    };
    registerKernel({ kernelName: gradientName, backendName: "tensorflow", kernelFunc });
    const plain = getGradient(name);
    if (!plain) continue;
    const gradFunc: GradFunc = (dy, saved, attrs) => {
      const [x] = saved;
      if (getBackend() !== "tensorflow" || x?.dtype !== "float32") return plain.gradFunc(dy, saved, attrs);
      const inputs = { dy, x } as unknown as NamedTensorMap;
      return { x: () => engine().runKernel(gradientName, inputs) as unknown as Tensor };
    };
    unregisterGradient(name);
    registerGradient({ ...plain, gradFunc });
  }
}
