import type { DataType, Tensor } from "@tensorflow/tfjs-core";
import { ATTR, DT, type ElementType } from "./dtypes.js";
import { requireEngine } from "./engine.js";
import { asTensorFlowError, TensorFlowError } from "./errors.js";
import type { NativeEngine } from "./native.js";

/** The tfjs dtype that values of a stored element type become. */
const loadedAs: Partial<Record<ElementType, DataType & keyof typeof DT>> = {
  float32: "float32",
  float64: "float32",
  float16: "float32",
  bfloat16: "float32",
  float8_e5m2: "float32",
  float8_e4m3fn: "float32",
  int32: "int32",
  int64: "int32",
  int16: "int32",
  int8: "int32",
  uint8: "int32",
  uint16: "int32",
  uint32: "int32",
  bool: "bool",
};

/** Where a stored tensor's bytes lie in a file. */
export interface FileRange {
  path: string;
  byteOffset: number;
}

/**
 * A tensor from stored bytes of any element type that weights come in; what tfjs has no type for is cast by the
 * engine: floats to float32, integers to int32. From a file, the bytes go straight into the tensor's memory.
 * The caller disposes it.
 * @throws TensorFlowError `unsupported` for an element type that has no tfjs form, `shape` where bytes and shape differ
 */
export function storedTensor(
  source: Uint8Array | FileRange,
  shape: readonly number[],
  dtype: ElementType,
): Tensor {
  const { native, backend } = requireEngine("storedTensor");
  const target = loadedAs[dtype];
  if (!target)
    throw new TensorFlowError(`storedTensor: ${dtype} values cannot become a tfjs tensor`, {}, "unsupported");
  try {
    const id =
      source instanceof Uint8Array
        ? native.createTensor(shape, DT[dtype], source)
        : native.createTensorFromFile(shape, DT[dtype], source.path, source.byteOffset);
    const cast = target === dtype ? id : castAndFree(native, id, DT[target]);
    return backend.createOutputTensor({ id: cast, shape: [...shape], dtype: DT[target] }) as Tensor;
  } catch (error) {
    throw asTensorFlowError(error, `storedTensor: ${dtype}[${shape.join(", ")}]`);
  }
}

/** A tensor's values as stored bytes of `dtype`, e.g. to write float16 weights. */
export function storedBytes(tensor: Tensor, dtype: ElementType): Uint8Array {
  const { backend, binding, native } = requireEngine("storedBytes");
  const [id] = backend.getInputTensorIds([tensor]) as [number];
  const attributes = [{ name: "DstT", type: ATTR.type, value: DT[dtype] }];
  const cast = binding.executeOp("Cast", attributes, [id], 1)[0]!.id;
  try {
    const values = native.tensorData(cast) as NodeJS.TypedArray;
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  } finally {
    native.deleteTensor(cast);
  }
}

function castAndFree(native: NativeEngine, id: number, dtype: number): number {
  try {
    return native.executeOp("Cast", [{ name: "DstT", type: ATTR.type, value: dtype }], [id], 1)[0]!.id;
  } finally {
    native.deleteTensor(id);
  }
}
