import { ControlNetError } from "@controlnet-js/core";
import { dtypeRank, type FloatDType } from "../dtype.js";
import { type NamedTensor, withDType } from "../tensor-source.js";
import { byteSize, headerLimit } from "./header.js";

/** How to write a file of tensors. */
export interface WriteOptions {
  /** The type that floating-point tensors are converted to; each keeps its own unless given. */
  dtype?: FloatDType;
}

/** A file about to be written: its first bytes, then the tensors in their order. */
export interface SafetensorsPlan {
  /** The length and the header, padded so that the tensors begin on a multiple of 8. */
  head: Uint8Array;
  tensors: NamedTensor[];
  /** Bytes of the whole file. */
  size: number;
}

const compare = (a: string, b: string): number => {
  const left = new TextEncoder().encode(a);
  const right = new TextEncoder().encode(b);
  for (let i = 0; i < left.length && i < right.length; i++)
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  return left.length - right.length;
};

/**
 * Orders the tensors (widest type first, then by name, as the format's own library does) and writes the header.
 * @throws ControlNetError `format` for names twice, reserved names and impossible shapes
 */
export function planSafetensors(
  entries: Iterable<NamedTensor>,
  metadata: Record<string, string> = {},
  { dtype }: WriteOptions = {},
): SafetensorsPlan {
  const tensors = [...entries].map((entry) => (dtype ? withDType(entry, dtype) : entry));
  tensors.sort((a, b) => dtypeRank(b.dtype) - dtypeRank(a.dtype) || compare(a.name, b.name));
  const parts: string[] = [];
  if (Object.keys(metadata).length > 0) parts.push(`"__metadata__":${metadataText(metadata)}`);
  let offset = 0;
  let previous: string | undefined;
  const seen = new Set<string>();
  for (const { name, dtype, shape } of tensors) {
    if (seen.has(name)) refuse(`two tensors are called "${name}"`);
    if (name === "__metadata__" || name === "__proto__") refuse(`a tensor may not be called "${name}"`);
    if (!wellFormed(name)) refuse(`the name after "${previous ?? ""}" is not valid Unicode`);
    if (!shape.every((side) => Number.isSafeInteger(side) && side >= 0))
      refuse(`tensor "${name}" has shape [${shape.join(", ")}]`);
    const size = byteSize(shape, dtype);
    if (size === undefined)
      return refuse(`tensor "${name}" of shape [${shape.join(", ")}] has more than 2^53 bytes`);
    seen.add(name);
    previous = name;
    const end = offset + size;
    parts.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const length = Math.ceil(text.byteLength / 8) * 8;
  if (length > headerLimit) refuse(`the header would have ${length} bytes (at most ${headerLimit})`);
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, 8);
  return { head, tensors, size: head.byteLength + offset };
}

/**
 * The bytes of a safetensors file. Equal tensors, names and metadata give equal bytes.
 * @throws ControlNetError `format` for what the format cannot hold
 */
export function writeSafetensors(
  entries: Iterable<NamedTensor>,
  metadata: Record<string, string> = {},
  options: WriteOptions = {},
): Uint8Array {
  const { head, tensors, size } = planSafetensors(entries, metadata, options);
  const file = new Uint8Array(size);
  file.set(head);
  let offset = head.byteLength;
  for (const tensor of tensors) {
    const bytes = checkedBytes(tensor);
    file.set(bytes, offset);
    offset += bytes.byteLength;
  }
  return file;
}

/** The tensor's bytes, checked to be as many as its shape says. */
export function checkedBytes(tensor: NamedTensor): Uint8Array {
  const bytes = tensor.bytes();
  const expected = byteSize(tensor.shape, tensor.dtype);
  if (bytes.byteLength !== expected)
    refuse(
      `tensor "${tensor.name}", ${tensor.dtype} [${tensor.shape.join(", ")}], needs ${expected} bytes, got ${bytes.byteLength}`,
    );
  return bytes;
}

function metadataText(metadata: Record<string, string>): string {
  const keys = Object.keys(metadata).sort(compare);
  for (const key of keys) {
    if (typeof metadata[key] !== "string")
      refuse(`metadata "${key}" must be a string, got ${typeof metadata[key]}`);
    if (key === "__proto__" || !wellFormed(key) || !wellFormed(metadata[key]!))
      refuse(`metadata "${key}" is not allowed or not valid Unicode`);
  }
  return `{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`).join(",")}}`;
}

const wellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

const refuse = (message: string): never => {
  throw new ControlNetError("format", `writeSafetensors: ${message}`);
};
