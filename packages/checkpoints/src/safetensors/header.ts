import { ControlNetError } from "@controlnet-js/core";
import { bytesPerElement, type DType, dtypes, isDType } from "../dtype.js";
import { foreignKind } from "../foreign-file.js";
import { quote } from "../quote.js";
import { JsonReader } from "./json-reader.js";

/** Where a tensor lies: offsets count from the end of the header. */
export interface TensorPlace {
  name: string;
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

/** A checked safetensors header. */
export interface SafetensorsHeader {
  metadata: Record<string, string>;
  /** In the order of their bytes in the file. */
  places: TensorPlace[];
  /** The position of the first tensor byte in the file. */
  dataStart: number;
}

/** No header may be longer than this many bytes (the format's own limit). */
export const headerLimit = 100_000_000;

/** No header may name more entries than this; the largest published models have a few ten thousand. */
const entryLimit = 100_000;

/** No tensor may have more dimensions than this. */
const rankLimit = 64;

const fail = (where: string, message: string): never => {
  throw new ControlNetError("format", `${where}: not a sound safetensors file: ${message}`);
};

/**
 * The length of the header, from a file's first 8 bytes.
 * @param fileSize of the whole file, in bytes
 * @throws ControlNetError `format` where the file is too short for what it announces
 */
export function headerLength(first: Uint8Array, fileSize: number, where: string): number {
  if (fileSize < 10 || first.byteLength < 8)
    fail(where, `it has ${fileSize} bytes, too few for a header; the file may be cut short`);
  const view = new DataView(first.buffer, first.byteOffset, 8);
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  if (length > headerLimit) {
    const foreign = foreignKind(String.fromCharCode(...first.subarray(0, 8)));
    fail(where, foreign ? `it is ${foreign}` : `its header claims ${length} bytes (at most ${headerLimit})`);
  }
  if (length < 2) fail(where, `its header claims ${length} bytes`);
  if (8 + length > fileSize)
    fail(where, `its header claims ${length} bytes, but the file has ${fileSize}; it is cut short`);
  return length;
}

/**
 * Reads and checks a header: names once each, known types, exact sizes, no overlaps and no holes.
 * @param text the header's bytes, without the 8 length bytes
 * @throws ControlNetError `format`
 */
export function parseHeader(text: Uint8Array, fileSize: number, where: string): SafetensorsHeader {
  if (text[0] !== 0x7b) fail(where, "its header does not begin with {");
  const reader = new JsonReader(text, (message) => fail(where, message));
  const names = new Set<string>();
  const places: TensorPlace[] = [];
  let metadata: Record<string, string> = {};
  reader.object((name) => {
    if (names.size === entryLimit) fail(where, `it names more than ${entryLimit} tensors`);
    if (names.has(name)) fail(where, `two entries are called ${quote(name)}`);
    names.add(name);
    if (name === "__metadata__") metadata = readMetadata(reader, where);
    else if (name === "__proto__") fail(where, `a tensor is called "__proto__"`);
    else places.push(readPlace(reader, name, where));
  });
  reader.end();
  checkCover(places, fileSize - 8 - text.byteLength, where);
  return { metadata, places, dataStart: 8 + text.byteLength };
}

function readMetadata(reader: JsonReader, where: string): Record<string, string> {
  const metadata = new Map<string, string>();
  reader.object((key) => {
    if (metadata.size === entryLimit) fail(where, `it has more than ${entryLimit} metadata entries`);
    if (metadata.has(key)) fail(where, `two metadata entries are called ${quote(key)}`);
    if (key === "__proto__") fail(where, `a metadata entry is called "__proto__"`);
    metadata.set(key, reader.string());
  });
  return Object.fromEntries(metadata);
}

function readPlace(reader: JsonReader, name: string, where: string): TensorPlace {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  const once = (seen: unknown, key: string) =>
    seen !== undefined && fail(where, `tensor ${quote(name)} has two ${quote(key)}`);
  reader.object((key) => {
    if (key === "dtype") {
      once(dtype, key);
      dtype = reader.string();
    } else if (key === "shape") {
      once(shape, key);
      shape = reader.integers(rankLimit);
    } else if (key === "data_offsets") {
      once(offsets, key);
      offsets = reader.integers(2);
    } else fail(where, `tensor ${quote(name)} has an unknown field ${quote(key)}`);
  });
  if (dtype === undefined) return fail(where, `tensor ${quote(name)} has no dtype`);
  if (!isDType(dtype))
    return fail(
      where,
      `tensor ${quote(name)} is of unknown type ${quote(dtype)} (known: ${dtypes.join(", ")})`,
    );
  if (!shape) return fail(where, `tensor ${quote(name)} has no shape`);
  const [begin, end] = offsets ?? [];
  if (begin === undefined || end === undefined)
    return fail(where, `tensor ${quote(name)} needs two data_offsets`);
  if (end < begin) fail(where, `tensor ${quote(name)} ends before it begins (${begin}, ${end})`);
  const size = byteSize(shape, dtype);
  if (size === undefined)
    fail(where, `tensor ${quote(name)} of shape [${shape.join(", ")}] has more than 2^53 bytes`);
  if (size !== end - begin)
    fail(
      where,
      `tensor ${quote(name)}, ${dtype} [${shape.join(", ")}], needs ${size} bytes, but has ${end - begin}`,
    );
  return { name, dtype, shape, begin, end };
}

/** Bytes of a tensor, or undefined where that number is past 2^53. */
export function byteSize(shape: readonly number[], dtype: DType): number | undefined {
  if (shape.includes(0)) return 0;
  let size = bytesPerElement(dtype);
  for (const side of shape) {
    size *= side;
    if (!Number.isSafeInteger(size)) return undefined;
  }
  return size;
}

function checkCover(places: TensorPlace[], dataSize: number, where: string): void {
  places.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  let last = "";
  for (const { name, begin, end } of places) {
    if (begin < reached) fail(where, `tensors ${quote(last)} and ${quote(name)} overlap`);
    if (begin > reached)
      fail(where, `${begin - reached} bytes before tensor ${quote(name)} belong to no tensor`);
    reached = end;
    last = name;
  }
  if (reached > dataSize)
    fail(
      where,
      `its tensors need ${reached} bytes, but ${dataSize} are there; it is cut short, fetch it again`,
    );
  if (reached < dataSize)
    fail(where, `${dataSize - reached} bytes after the last tensor belong to no tensor`);
}
