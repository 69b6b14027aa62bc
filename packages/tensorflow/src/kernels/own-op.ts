import { composedKernel } from "@controlnet-js/core";
import {
  engine,
  getBackend,
  type KernelFunc,
  registerGradient,
  registerKernel,
  type Tensor,
  type TensorInfo,
} from "@tensorflow/tfjs-core";
import { activeTrace } from "../jit/trace-binding.js";
import type { OpAttribute } from "../native.js";
import type { NodeBackend } from "../node-backend.js";

/** Runs or records one op of the addon. Its own inference gives the shape of the first output only, so all are given. */
export function runOwnOp(
  backend: NodeBackend,
  op: string,
  attributes: readonly OpAttribute[],
  inputs: readonly TensorInfo[],
  shapes: readonly number[][],
): Tensor[] {
  const ids = backend.getInputTensorIds(inputs);
  const trace = activeTrace();
  const made = trace
    ? trace
        .node(
          op,
          attributes,
          ids.map((id) => trace.outputOf(id)),
        )
        .outputs.map(({ id: output, dtype }, i) => {
          const shape = shapes[i]!;
          trace.native.setShape(trace.graph, output, shape);
          return { id: trace.symbol({ output, shape, dtype, op }), shape, dtype };
        })
    : backend.binding.executeOp(op, attributes, ids, shapes.length);
  return made.map((metadata) => backend.createOutputTensor(metadata) as Tensor);
}

/** How core's operation `name` runs on ops of the addon. */
export interface OwnOperation {
  name: string;
  forward(backend: NodeBackend, inputs: Record<string, TensorInfo>, attributes: never): Tensor[];
  /** The gradients of all inputs at once. */
  gradient(
    backend: NodeBackend,
    upstream: Tensor,
    saved: readonly Tensor[],
    attributes: never,
  ): Record<string, Tensor>;
}

/**
 * Registers an operation of core that runs on ops of the addon. What these cannot do stays composed: they run
 * only where the addon is, so not in XLA or in an exported graph, and have no gradients of second order.
 */
export function registerOwnOperation({ name, forward, gradient }: OwnOperation): void {
  const composed = composedKernel(name);
  if (!composed?.gradient) return;
  const kernelFunc: KernelFunc = (call) =>
    activeTrace()?.portable
      ? composed.forward(call)
      : forward(call.backend as NodeBackend, call.inputs as Record<string, TensorInfo>, call.attrs as never);
  registerKernel({ kernelName: name, backendName: "tensorflow", kernelFunc });
  const plain = composed.gradient;
  registerGradient({
    ...plain,
    gradFunc: (upstream, saved, attrs) => {
      if (getBackend() !== "tensorflow" || activeTrace()?.portable || engine().state.gradientDepth > 0)
        return plain.gradFunc(upstream, saved, attrs);
      const dy = Array.isArray(upstream) ? upstream[0]! : upstream;
      const gradients = gradient(engine().backend as NodeBackend, dy, saved, attrs as never);
      return Object.fromEntries(Object.entries(gradients).map(([input, value]) => [input, () => value]));
    },
  });
}
