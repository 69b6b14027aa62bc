import { composedKernel } from "@controlnet-js/core";
import { type KernelFunc, registerKernel, type TensorInfo } from "@tensorflow/tfjs-core";
import { ATTR } from "../dtypes.js";
import { DonatedVariable } from "../jit/donated-variable.js";
import type { Trace } from "../jit/trace.js";
import { activeTrace } from "../jit/trace-binding.js";
import type { NodeBackend } from "../node-backend.js";

const inputNames = [
  "parameter",
  "firstMoment",
  "secondMoment",
  "gradient",
  "rate",
  "epsilon",
  "decay",
] as const;
type Inputs = Record<(typeof inputNames)[number], TensorInfo>;
interface Betas {
  beta1: number;
  beta2: number;
}

/**
 * Core's AdamWUpdate. In a recording, with parameter and moments donated, it becomes TensorFlow's own update of the
 * variables; anywhere else it is composed of plain ops.
 */
export function registerAdamW(): void {
  const kernelName = "AdamWUpdate";
  const kernelFunc: KernelFunc = (call) => {
    const trace = activeTrace();
    const inPlace =
      trace &&
      updateInPlace(
        trace,
        call.backend as NodeBackend,
        call.inputs as Inputs,
        call.attrs as unknown as Betas,
      );
    return inPlace ?? composedKernel(kernelName)!.forward(call);
  };
  registerKernel({ kernelName, backendName: "tensorflow", kernelFunc });
}

function updateInPlace(
  trace: Trace,
  backend: NodeBackend,
  inputs: Inputs,
  { beta1, beta2 }: Betas,
): TensorInfo[] | undefined {
  const ids = backend.getInputTensorIds(inputNames.map((name) => inputs[name]));
  const values = ids.slice(0, 3).map((id) => trace.valueOf(id));
  const variables = values.flatMap((value) =>
    value?.variable && value.version === value.variable.version ? [value.variable] : [],
  );
  const [parameter, first, second] = variables;
  if (!parameter || !first || !second || new Set(variables).size < 3) return undefined;
  const [gradient, rate, epsilon, decay] = ids.slice(3).map((id) => trace.outputOf(id)) as [
    number,
    number,
    number,
    number,
  ];
  const scalar = (value: number): number =>
    trace.outputOf(trace.createTensor([], parameter.dtype, Float32Array.of(value)));
  const decayed = trace.node("Mul", [], [parameter.read(trace), decay]).outputs[0]!.id;
  DonatedVariable.write(
    trace,
    [parameter],
    "AssignVariableOp",
    [parameter.typeAttribute],
    [parameter.handle, decayed],
  );
  // With both beta powers zero, TensorFlow's own bias correction is 1, and `rate` holds it already.
  const zero = scalar(0);
  DonatedVariable.write(
    trace,
    [parameter, first, second],
    "ResourceApplyAdam",
    [
      { name: "T", type: ATTR.type, value: parameter.dtype },
      { name: "use_locking", type: ATTR.bool, value: false },
    ],
    [
      parameter.handle,
      first.handle,
      second.handle,
      zero,
      zero,
      rate,
      scalar(beta1),
      scalar(beta2),
      epsilon,
      gradient,
    ],
  );
  return [parameter, first, second].map((variable) => {
    const { shape, dtype, version } = variable;
    const id = trace.symbol({ shape, dtype, op: "ResourceApplyAdam", variable, version });
    return backend.createOutputTensor({ id, shape, dtype });
  });
}
