import { ControlNetError } from "@controlnet-js/core";
import { bytesPerElement, type DType, type FloatDType } from "./dtype.js";
import { decodeBfloat, decodeHalf, encodeBfloat, encodeHalf } from "./half.js";
import { quote } from "./quote.js";

/** A tensor of a file: its description at once, its bytes when asked for. */
export interface NamedTensor {
  name: string;
  dtype: DType;
  /** The shape as published, e.g. `[out, in, height, width]` of a convolution kernel. */
  shape: number[];
  /** Where the elements lie in a file as they are: for engines that read it themselves. */
  place?: { path: string; byteOffset: number };
  /** The elements, little-endian and without gaps. May share memory with the file's bytes: don't write into it. */
  bytes(): Uint8Array;
}

/** A parsed file or folder of tensors. */
export interface TensorSource {
  /** The file's free text entries (safetensors' `__metadata__`). */
  readonly metadata: Record<string, string>;
  /** Every tensor's name, in the order of the file. */
  names(): string[];
  /**
   * The tensor called `name`.
   * @throws ControlNetError `missing` where there is none
   */
  get(name: string): NamedTensor;
}

/** The number of elements of a tensor of this shape. */
export const elementCount = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** The error of a tensor that a source does not hold. */
export const missingTensor = (name: string, count: number, where: string): ControlNetError =>
  new ControlNetError("missing", `${where}: no tensor ${quote(name)} among ${count} tensors`);

/** Makes a {@link TensorSource} of tensors at hand. */
export function tensorSource(
  tensors: Iterable<NamedTensor>,
  metadata: Record<string, string> = {},
  where = "checkpoint",
): TensorSource {
  const byName = new Map<string, NamedTensor>();
  for (const tensor of tensors) {
    if (byName.has(tensor.name))
      throw new ControlNetError("format", `${where}: two tensors are called "${tensor.name}"`);
    byName.set(tensor.name, tensor);
  }
  return {
    metadata,
    names: () => [...byName.keys()],
    get(name) {
      const tensor = byName.get(name);
      if (!tensor) throw missingTensor(name, byName.size, where);
      return tensor;
    },
  };
}

/** Makes a {@link NamedTensor} of float32 values at hand. */
export const float32Tensor = (name: string, shape: readonly number[], values: Float32Array): NamedTensor => ({
  name,
  dtype: "F32",
  shape: [...shape],
  bytes: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

const aligned = (bytes: Uint8Array, alignment: number): Uint8Array =>
  bytes.byteOffset % alignment === 0 ? bytes : bytes.slice();

/**
 * The tensor's values as float32. Shares memory with `tensor.bytes()` where they are float32 already.
 * @throws ControlNetError `unsupported` for 8-bit floats and complex numbers
 */
export function toFloat32(tensor: NamedTensor): Float32Array {
  const { dtype } = tensor;
  const size = bytesPerElement(dtype);
  const bytes = aligned(tensor.bytes(), size);
  const count = bytes.byteLength / size;
  const at = [bytes.buffer, bytes.byteOffset, count] as const;
  switch (dtype) {
    case "F32":
      return new Float32Array(...at);
    case "F16":
      return decodeHalf(new Uint16Array(...at));
    case "BF16":
      return decodeBfloat(new Uint16Array(...at));
    case "F64":
      return Float32Array.from(new Float64Array(...at));
    case "I64":
      return Float32Array.from(new BigInt64Array(...at), Number);
    case "U64":
      return Float32Array.from(new BigUint64Array(...at), Number);
    case "I32":
      return Float32Array.from(new Int32Array(...at));
    case "U32":
      return Float32Array.from(new Uint32Array(...at));
    case "I16":
      return Float32Array.from(new Int16Array(...at));
    case "U16":
      return Float32Array.from(new Uint16Array(...at));
    case "I8":
      return Float32Array.from(new Int8Array(...at));
    case "U8":
    case "BOOL":
      return Float32Array.from(bytes);
    default:
      throw new ControlNetError(
        "unsupported",
        `toFloat32: tensor "${tensor.name}" is ${dtype}; convert the file to F16, BF16 or F32 first`,
      );
  }
}

/** The little-endian bytes of `values` in the given type, rounded to nearest, ties to even. */
export function encodeFloat32(values: Float32Array, dtype: FloatDType): Uint8Array {
  const encoded = dtype === "F32" ? values : dtype === "F16" ? encodeHalf(values) : encodeBfloat(values);
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}

/** The same tensor in another floating-point type; integers and booleans stay as they are. */
export function withDType(tensor: NamedTensor, dtype: FloatDType): NamedTensor {
  const convertible = ["F64", "F32", "F16", "BF16"].includes(tensor.dtype);
  if (!convertible || tensor.dtype === dtype) return tensor;
  // Its bytes lie in no file any more.
  const { place: _place, ...description } = tensor;
  return { ...description, dtype, bytes: () => encodeFloat32(toFloat32(tensor), dtype) };
}
