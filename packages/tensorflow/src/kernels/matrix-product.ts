import {
  type KernelFunc,
  registerKernel,
  reshape,
  type Tensor,
  type TensorInfo,
  tidy,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { ATTR, DT } from "../dtypes.js";
import type { NodeBackend } from "../node-backend.js";

/**
 * A batch of one as the plain matrix product: TensorFlow fuses that one with the bias and the activation after it,
 * and the batched one with nothing.
 */
export function registerMatrixProduct(): void {
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) => {
    const { a, b } = inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const engine = backend as NodeBackend;
    const type = { name: "T", type: ATTR.type, value: DT[a.dtype as keyof typeof DT] };
    const flag = (name: string, value: boolean) => ({ name, type: ATTR.bool, value });
    if (sizeOfBatch(a) !== 1 || sizeOfBatch(b) !== 1)
      return engine.executeSingleOutput(
        "BatchMatMulV2",
        [type, flag("adj_x", transposeA), flag("adj_y", transposeB)],
        [a, b],
      );
    return tidy(() => {
      const [x, y] = [a, b].map((info) => reshape(info as Tensor, info.shape.slice(-2))) as [Tensor, Tensor];
      const attributes = [type, flag("transpose_a", transposeA), flag("transpose_b", transposeB)];
      const product = engine.executeSingleOutput("MatMul", attributes, [x, y]) as Tensor;
      const rank = Math.max(a.shape.length, b.shape.length);
      return reshape(product, [...new Array<number>(rank - 2).fill(1), ...product.shape]);
    });
  };
  unregisterKernel("BatchMatMul", "tensorflow");
  registerKernel({ kernelName: "BatchMatMul", backendName: "tensorflow", kernelFunc });
}

const sizeOfBatch = ({ shape }: TensorInfo): number =>
  shape.slice(0, -2).reduce((product, size) => product * size, 1);
