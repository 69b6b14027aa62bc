import { ATTR, DT, elementTypeName } from "./dtypes.js";
import { asTensorFlowError, TensorFlowError } from "./errors.js";
import { firstSymbolicId, isSymbolicId, isVariableId } from "./ids.js";
import type { HostValues, NativeEngine, OpAttribute, TensorMetadata } from "./native.js";
import type { VariableTable } from "./variables.js";

/** What the kernels of tfjs-node call: `TFJSBinding` of that package, without saved models. */
export interface Binding {
  createTensor(shape: readonly number[], dtype: number, values: HostValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): NodeJS.TypedArray | Uint8Array[];
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[];
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
  readonly [constant: `TF_${string}`]: number | string;
}

/** The constants that the kernels read off the binding. */
export const bindingConstants = {
  TF_FLOAT: DT.float32,
  TF_INT32: DT.int32,
  TF_INT64: DT.int64,
  TF_BOOL: DT.bool,
  TF_COMPLEX64: DT.complex64,
  TF_STRING: DT.string,
  TF_RESOURCE: DT.resource,
  TF_UINT8: DT.uint8,
  TF_ATTR_STRING: ATTR.string,
  TF_ATTR_INT: ATTR.int,
  TF_ATTR_FLOAT: ATTR.float,
  TF_ATTR_BOOL: ATTR.bool,
  TF_ATTR_TYPE: ATTR.type,
  TF_ATTR_SHAPE: ATTR.shape,
  TF_ATTR_RESOURCE: ATTR.tensor,
} as const;

/** From this many elements on, a tensor of one repeated value is filled by the engine rather than copied to it. */
const fillFrom = 4096;

/** The binding that runs each op at once. */
export function createBinding(native: NativeEngine, variables: VariableTable, usesGpu: boolean): Binding {
  const run: Binding["executeOp"] = (name, attributes, inputs, outputs) => {
    try {
      return native.executeOp(name, attributes, inputs, outputs);
    } catch (error) {
      throw asTensorFlowError(error, `${name}(${describeInputs(native, inputs)})`, name);
    }
  };
  const executeOp: Binding["executeOp"] = (name, attributes, inputs, outputs) => {
    if (inputs.every((id) => id < firstSymbolicId)) return run(name, attributes, inputs, outputs);
    const reads: number[] = [];
    try {
      const resolved = inputs.map((id) => {
        refuseSymbolic(id, name);
        if (!isVariableId(id)) return id;
        const read = variables.read(id).id;
        reads.push(read);
        return read;
      });
      return run(name, attributes, resolved, outputs);
    } catch (error) {
      throw asTensorFlowError(error, name, name);
    } finally {
      for (const id of reads) native.deleteTensor(id);
    }
  };
  const upload: Binding["createTensor"] = (shape, dtype, values) => {
    try {
      return native.createTensor(shape, dtype, values);
    } catch (error) {
      throw asTensorFlowError(error, `createTensor: ${elementTypeName(dtype)}[${shape.join(", ")}]`);
    }
  };
  const createTensor: Binding["createTensor"] = (shape, dtype, values) => {
    const host = asTypedValues(dtype, values);
    if (!isUniform(host)) return upload(shape, dtype, host);
    const dims = upload([shape.length], DT.int32, Int32Array.from(shape));
    const value = upload([], dtype, host.subarray(0, 1));
    try {
      return run("Fill", [], [dims, value], 1)[0]!.id;
    } finally {
      native.deleteTensor(dims);
      native.deleteTensor(value);
    }
  };
  const tensorDataSync: Binding["tensorDataSync"] = (id) => {
    refuseSymbolic(id, "reading a tensor");
    const read = isVariableId(id) ? variables.read(id).id : id;
    try {
      return native.tensorData(read);
    } catch (error) {
      throw asTensorFlowError(error, "reading a tensor");
    } finally {
      if (read !== id) native.deleteTensor(read);
    }
  };
  const deleteTensor = (id: number): void => {
    if (isVariableId(id)) variables.delete(id);
    else if (!isSymbolicId(id)) native.deleteTensor(id);
  };
  return {
    ...bindingConstants,
    TF_Version: native.version,
    createTensor,
    executeOp,
    deleteTensor,
    tensorDataSync,
    getNumOfTensors: () => native.numberOfTensors(),
    isUsingGpuDevice: () => usesGpu,
  };
}

function describeInputs(native: NativeEngine, ids: readonly number[]): string {
  if (ids.length > 8) return `${ids.length} inputs`;
  const one = (id: number): string => {
    try {
      const { shape, dtype } = native.tensorInfo(id);
      return `${elementTypeName(dtype)}[${shape.join(", ")}]`;
    } catch {
      return "disposed";
    }
  };
  return ids.map(one).join(", ");
}

function refuseSymbolic(id: number, where: string): void {
  if (isSymbolicId(id))
    throw new TensorFlowError(
      `${where}: this tensor was made inside a function that jit was recording and has no value outside of it; return it from the function`,
      {},
      "state",
    );
}

/** Values in the typed array that their dtype is stored in; tfjs sometimes hands plain arrays over. */
export function asTypedValues(dtype: number, values: HostValues): HostValues {
  if (dtype === DT.string) return values;
  if (ArrayBuffer.isView(values)) {
    if (dtype === DT.float32 && values.BYTES_PER_ELEMENT !== 4)
      return Float32Array.from(values as Uint8Array);
    if (dtype === DT.int32 && values.BYTES_PER_ELEMENT !== 4) return Int32Array.from(values as Uint8Array);
    return values;
  }
  const numbers = values as unknown as number[];
  if (dtype === DT.int32) return Int32Array.from(numbers);
  return dtype === DT.bool || dtype === DT.uint8 ? Uint8Array.from(numbers) : Float32Array.from(numbers);
}

/** Whether all elements of a large typed array have the same bits. */
export function isUniform(values: HostValues): values is Float32Array {
  if (!(values instanceof Float32Array || values instanceof Int32Array) || values.length < fillFrom)
    return false;
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const size = values.BYTES_PER_ELEMENT;
  // Every element equals its predecessor exactly when the bytes equal themselves shifted by one element.
  return bytes.compare(bytes, size, bytes.length, 0, bytes.length - size) === 0;
}
