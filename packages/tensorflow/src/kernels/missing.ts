import { type KernelFunc, registerKernel, type TensorInfo } from "@tensorflow/tfjs-core";
import { ATTR, DT } from "../dtypes.js";
import type { OpAttribute } from "../native.js";
import type { NodeBackend } from "../node-backend.js";

const tfType = (info: TensorInfo): number => DT[info.dtype as keyof typeof DT];
const type = (name: string, value: number): OpAttribute => ({ name, type: ATTR.type, value });

function register(
  kernelName: string,
  run: (
    backend: NodeBackend,
    inputs: Record<string, TensorInfo>,
    attrs: Record<string, unknown>,
  ) => TensorInfo,
): void {
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) =>
    run(
      backend as NodeBackend,
      inputs as Record<string, TensorInfo>,
      (attrs ?? {}) as Record<string, unknown>,
    );
  registerKernel({ kernelName, backendName: "tensorflow", kernelFunc });
}

/** Kernels of tfjs-core that tfjs-node does not have. */
export function registerMissingKernels(): void {
  register("LogSoftmax", (backend, { logits }) =>
    backend.executeSingleOutput("LogSoftmax", [type("T", tfType(logits!))], [logits!]),
  );
  register("LogicalXor", (backend, { a, b }) =>
    backend.executeSingleOutput("NotEqual", [type("T", DT.bool)], [a!, b!]),
  );
  register("BitwiseAnd", (backend, { a, b }) =>
    backend.executeSingleOutput("BitwiseAnd", [type("T", tfType(a!))], [a!, b!]),
  );
  for (const kernelName of ["LowerBound", "UpperBound"])
    register(kernelName, (backend, { sortedSequence, values }) =>
      backend.executeSingleOutput(
        kernelName,
        [type("T", tfType(sortedSequence!)), type("out_type", DT.int32)],
        [sortedSequence!, values!],
      ),
    );
}
