import { engine, type Tensor, type TensorInfo } from "@tensorflow/tfjs-core";
import { type Binding, bindingConstants } from "../binding.js";
import { DT } from "../dtypes.js";
import { TensorFlowError } from "../errors.js";
import { isSymbolicId } from "../ids.js";
import type { HostValues } from "../native.js";
import type { NodeBackend } from "../node-backend.js";
import type { Trace } from "./trace.js";

/** Swaps one property of an object; both directions can be repeated. */
interface Patch {
  apply(): void;
  undo(): void;
}

let active: Trace | undefined;
let patches: Patch[] = [];

/** The trace that is being recorded now, if one is. */
export const activeTrace = (): Trace | undefined => active;

interface TensorTracker {
  trackTensor(tensor: Tensor, backend: unknown): void;
}

/**
 * Runs `body` with every op of `backend` recorded into `trace` instead of run. Restores the backend whatever happens.
 */
export function recordInto<T>(backend: NodeBackend, trace: Trace, body: () => T): T {
  const eager = backend.binding;
  const made: Tensor[] = [];
  const tracker = engine() as unknown as TensorTracker;
  const track = tracker.trackTensor;
  patches = [
    patch(tracker, "trackTensor", (tensor, owner) => {
      made.push(tensor);
      track.call(tracker, tensor, owner);
    }),
    patch(backend, "binding", traceBinding(trace, eager)),
    patch(backend, "getInputTensorIds", (inputs) =>
      inputs.map((input) => idOf(backend, trace, eager, input)),
    ),
    patch(backend, "move", (dataId, values, shape, dtype, refCount) => {
      trace.madeInside.add(dataId);
      Object.getPrototypeOf(backend).move.call(backend, dataId, values, shape, dtype, refCount);
    }),
    patch(backend, "readSync", (dataId) => {
      const record = backend.tensorMap.get(dataId);
      if (record.values !== null && trace.madeInside.has(dataId)) return record.values as Float32Array;
      return trace.hostValues(record.values === null ? record.id : -1) as Float32Array;
    }),
    patch(Math, "random", () => {
      throw new TensorFlowError(
        `jit ${trace.name}: the function draws random numbers; they would be baked in. Draw them outside and pass them, or give the op a seed to get the same numbers at every call`,
        {},
        "unsupported",
      );
    }),
  ];
  active = trace;
  try {
    for (const { apply } of patches) apply();
    return body();
  } catch (error) {
    // tfjs keeps what a gradient tape saved when the taped function throws.
    for (const tensor of made) if (!tensor.isDisposed) tensor.dispose();
    throw error;
  } finally {
    active = undefined;
    for (const { undo } of patches) undo();
    patches = [];
  }
}

/** Runs `body` op by op even while a function is being recorded: to measure, not to compute. */
export function outsideRecording<T>(body: () => T): T {
  const trace = active;
  active = undefined;
  for (const { undo } of patches) undo();
  try {
    return body();
  } finally {
    if (trace) for (const { apply } of patches) apply();
    active = trace;
  }
}

function patch<T extends object, K extends keyof T>(target: T, key: K, value: T[K]): Patch {
  const own = Object.hasOwn(target, key);
  const before = target[key];
  return {
    apply: () => {
      target[key] = value;
    },
    undo: () => {
      if (own) target[key] = before;
      else delete target[key];
    },
  };
}

function traceBinding(trace: Trace, eager: Binding): Binding {
  return {
    ...bindingConstants,
    TF_Version: eager.TF_Version!,
    executeOp: (name, attributes, inputs, outputs) => trace.execute(name, attributes, inputs, outputs),
    createTensor: (shape, dtype, values) => trace.createTensor(shape, dtype, values),
    tensorDataSync: (id) => trace.hostValues(id) as NodeJS.TypedArray,
    deleteTensor: (id) => {
      if (!isSymbolicId(id)) eager.deleteTensor(id);
    },
    getNumOfTensors: () => eager.getNumOfTensors(),
    isUsingGpuDevice: () => eager.isUsingGpuDevice(),
  };
}

function idOf(backend: NodeBackend, trace: Trace, eager: Binding, input: TensorInfo): number {
  // tfjs-node passes 64-bit integer scalars as objects of their own.
  const int64 = (input as { valueArray?: Int32Array }).valueArray;
  if (int64) return trace.createTensor([], DT.int64, int64);
  const record = backend.tensorMap.get(input.dataId);
  if (record.values !== null) {
    // Values that wait on the host since before the recording belong to a tensor from outside.
    const target = trace.madeInside.has(input.dataId) ? trace : eager;
    record.id = target.createTensor(record.shape, record.dtype, record.values as HostValues);
    record.values = null;
  }
  return record.id;
}
