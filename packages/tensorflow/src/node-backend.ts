import { createRequire } from "node:module";
import type { DataId, KernelBackend, TensorInfo } from "@tensorflow/tfjs-core";
import type { Binding } from "./binding.js";
import type { OpAttribute } from "./native.js";

/** What the backend keeps for each tensor; `values` waits on the host until the tensor is first used. */
export interface TensorRecord {
  id: number;
  shape: number[];
  dtype: number;
  values: NodeJS.TypedArray | Uint8Array[] | null;
  refCount: number;
}

/** The backend class of tfjs-node, as far as this package uses it. */
export interface NodeBackend extends KernelBackend {
  binding: Binding;
  tensorMap: {
    get(id: DataId): TensorRecord;
    has(id: DataId): boolean;
    set(id: DataId, record: TensorRecord): void;
  };
  getInputTensorIds(inputs: readonly TensorInfo[]): number[];
  executeSingleOutput(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly TensorInfo[],
  ): TensorInfo;
  executeMultipleOutputs(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly TensorInfo[],
    outputs: number,
  ): TensorInfo[];
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): TensorInfo;
}

/**
 * Loads the kernels of tfjs-node, which register themselves for the backend name "tensorflow", and makes a backend
 * over `binding`. Only the JavaScript half of that package is loaded; its own addon never is.
 */
export async function createNodeBackend(binding: Binding, usesGpu: boolean): Promise<NodeBackend> {
  supplyRemovedUtilities(createRequire(import.meta.url)("node:util") as Record<string, unknown>);
  const { NodeJSKernelBackend } = await import("./tfjs-node.js");
  const Backend = NodeJSKernelBackend as unknown as new (
    binding: Binding,
    packageName: string,
  ) => NodeBackend;
  return new Backend(binding, usesGpu ? "@tensorflow/tfjs-node-gpu" : "@tensorflow/tfjs-node");
}

/** tfjs-node calls two functions that Node 22 warns about and Node 23 no longer has. */
function supplyRemovedUtilities(util: Record<string, unknown>): void {
  if (Number(process.versions.node.split(".")[0]) < 22) return;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}
