import { type NamedTensor, type TensorSource, tensorSource } from "../tensor-source.js";
import { headerLength, parseHeader, type SafetensorsHeader } from "./header.js";

/**
 * Reads a safetensors file from memory. The tensors are views into `bytes`.
 * @param where named in errors, e.g. the file's name
 * @throws ControlNetError `format` where the file is damaged, ambiguous or cut short
 */
export function parseSafetensors(bytes: Uint8Array, where = "parseSafetensors"): TensorSource {
  const length = headerLength(bytes, bytes.byteLength, where);
  const header = parseHeader(bytes.subarray(8, 8 + length), bytes.byteLength, where);
  return sourceOfHeader(header, (start, end) => bytes.subarray(start, end), where);
}

/**
 * A source over a checked header.
 * @param read gives the file's bytes from `start` to `end`
 * @param path of the file, where it is one
 */
export function sourceOfHeader(
  header: SafetensorsHeader,
  read: (start: number, end: number) => Uint8Array,
  where: string,
  path?: string,
): TensorSource {
  const tensors = header.places.map(
    ({ name, dtype, shape, begin, end }): NamedTensor => ({
      name,
      dtype,
      shape,
      ...(path !== undefined && { place: { path, byteOffset: header.dataStart + begin } }),
      bytes: () => read(header.dataStart + begin, header.dataStart + end),
    }),
  );
  return tensorSource(tensors, header.metadata, where);
}
