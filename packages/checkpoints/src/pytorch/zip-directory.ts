import { ControlNetError } from "@controlnet-js/core";
import { quote } from "../quote.js";
import type { RandomAccess } from "../random-access.js";

/** A stored file of an archive: its bytes lie in the archive as they are. */
export interface ZipEntry {
  name: string;
  /** CRC-32 of the bytes, as recorded. */
  crc: number;
  /** Where the bytes begin and end in the archive. */
  start: number;
  end: number;
}

/** What can be wrong is `format`; what is sound but not read is `unsupported`. */
export type Refuse = (code: "format" | "unsupported", message: string) => never;

const signature = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator: 0x07064b50,
};
/** More than the storages that a pickle within its limits can name. */
const entryLimit = 100_000;
const directoryLimit = 64 * 2 ** 20;
const commentLimit = 0xffff;

/** Little-endian numbers of a piece of the file; reading past its end is refused. */
class Fields {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly refuse: Refuse,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16 = (at: number): number => this.inside(at, 2) && this.view.getUint16(at, true);
  u32 = (at: number): number => this.inside(at, 4) && this.view.getUint32(at, true);

  u64(at: number): number {
    const value = this.u32(at + 4) * 2 ** 32 + this.u32(at);
    if (!Number.isSafeInteger(value)) this.refuse("format", "the zip directory has a number past 2^53");
    return value;
  }

  slice(at: number, length: number): Uint8Array {
    this.inside(at, length);
    return this.bytes.subarray(at, at + length);
  }

  private inside(at: number, length: number): 1 {
    if (at + length > this.bytes.byteLength) this.refuse("format", "the zip directory is cut short");
    return 1;
  }
}

/**
 * The files of a zip archive, from its central directory, each checked against its local header. Only stored
 * files are read: no compression, no encryption, one disk.
 * @throws ControlNetError `format` for an unsound archive, `unsupported` for other kinds of zip
 */
export function readZipDirectory(file: RandomAccess, where: string): ZipEntry[] {
  const refuse: Refuse = (code, message) => {
    throw new ControlNetError(code, `${where}: ${message}`);
  };
  const { offset, size, count } = findDirectory(file, refuse);
  if (count > entryLimit || size > directoryLimit)
    refuse(
      "format",
      `the zip directory has ${count} entries in ${size} bytes (at most ${entryLimit}, ${directoryLimit})`,
    );
  if (count * 46 > size) refuse("format", `the zip directory claims ${count} entries in ${size} bytes`);
  const fields = new Fields(file.read(offset, offset + size), refuse);
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  const spans: [start: number, end: number, name: string][] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const central = readCentral(fields, at, refuse);
    at = central.next;
    if (names.has(central.name)) refuse("format", `the zip directory lists ${quote(central.name)} twice`);
    names.add(central.name);
    const start = checkLocal(file, central, offset, refuse);
    const end = start + central.size;
    if (end > offset)
      refuse("format", `${quote(central.name)} reaches past the archive's data; the file may be cut short`);
    spans.push([central.header, end, central.name]);
    entries.push({ name: central.name, crc: central.crc, start, end });
  }
  if (at !== size) refuse("format", `the zip directory has ${size - at} bytes more than its entries`);
  spans.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < spans.length; i++)
    if (spans[i]![0] < spans[i - 1]![1])
      refuse("format", `${quote(spans[i - 1]![2])} and ${quote(spans[i]![2])} overlap in the archive`);
  return entries;
}

function findDirectory(file: RandomAccess, refuse: Refuse): { offset: number; size: number; count: number } {
  const tailStart = Math.max(0, file.size - 22 - commentLimit);
  const fields = new Fields(file.read(tailStart, file.size), refuse);
  let at = file.size - tailStart - 22;
  while (
    at >= 0 &&
    !(fields.u32(at) === signature.end && at + 22 + fields.u16(at + 20) === file.size - tailStart)
  )
    at--;
  if (at < 0)
    return refuse("format", "a zip archive without its directory; the file is cut short, fetch it again");
  const end = tailStart + at;
  if (fields.u16(at + 4) !== 0 || fields.u16(at + 6) !== 0)
    refuse("unsupported", "a zip archive of several disks");
  let count = fields.u16(at + 10);
  let size = fields.u32(at + 12);
  let offset = fields.u32(at + 16);
  if (fields.u16(at + 8) !== count) refuse("format", "the zip archive's end contradicts itself");
  let limit = end;
  if (at >= 20 && fields.u32(at - 20) === signature.locator) {
    const place = fields.u64(at - 20 + 8);
    if (fields.u32(at - 20 + 4) !== 0 || fields.u32(at - 4) > 1)
      refuse("unsupported", "a zip archive of several disks");
    if (place + 56 > end - 20) refuse("format", "the zip64 end record lies outside the archive");
    const end64 = new Fields(file.read(place, place + 56), refuse);
    if (end64.u32(0) !== signature.end64) refuse("format", "the zip64 end record is missing");
    const wide = { count: end64.u64(32), size: end64.u64(40), offset: end64.u64(48) };
    const agree = (narrow: number, value: number, mask: number) => narrow === mask || narrow === value;
    if (
      !agree(count, wide.count, 0xffff) ||
      !agree(size, wide.size, 0xffffffff) ||
      !agree(offset, wide.offset, 0xffffffff)
    )
      refuse("format", "the two end records of the zip archive disagree");
    if (end64.u64(24) !== wide.count) refuse("format", "the zip64 end record contradicts itself");
    ({ count, size, offset } = wide);
    limit = place;
  } else if (count === 0xffff || size === 0xffffffff || offset === 0xffffffff)
    refuse("format", "the zip archive needs a zip64 end record, which is missing");
  if (offset + size !== limit) refuse("format", "the zip directory does not lie where the archive says");
  return { offset, size, count };
}

interface Central {
  name: string;
  nameBytes: number;
  flags: number;
  crc: number;
  size: number;
  /** Where the local header begins. */
  header: number;
  next: number;
}

function readCentral(fields: Fields, at: number, refuse: Refuse): Central {
  if (fields.u32(at) !== signature.central) refuse("format", "the zip directory is damaged");
  const flags = fields.u16(at + 8);
  const nameLength = fields.u16(at + 28);
  const extraLength = fields.u16(at + 30);
  const name = decodeName(fields.slice(at + 46, nameLength), refuse);
  const quoted = quote(name);
  if (flags & 0x2041) refuse("unsupported", `${quoted} is encrypted`);
  const method = fields.u16(at + 10);
  if (method !== 0)
    refuse(
      "unsupported",
      `${quoted} is compressed (method ${method}); torch.save stores without compression, save it so`,
    );
  if (fields.u16(at + 34) !== 0 && fields.u16(at + 34) !== 0xffff)
    refuse("unsupported", "a zip archive of several disks");
  let size = fields.u32(at + 24);
  let packed = fields.u32(at + 20);
  let header = fields.u32(at + 42);
  const wide = zip64Extra(fields, at + 46 + nameLength, extraLength, quoted, refuse);
  const widen = (value: number): number => {
    if (value !== 0xffffffff) return value;
    if (!wide || wide.left < 8) return refuse("format", `${quoted} lacks its zip64 sizes`);
    wide.left -= 8;
    wide.at += 8;
    return fields.u64(wide.at - 8);
  };
  size = widen(size);
  packed = widen(packed);
  header = widen(header);
  if (size !== packed) refuse("format", `${quoted} is stored, but its two sizes differ (${packed}, ${size})`);
  const next = at + 46 + nameLength + extraLength + fields.u16(at + 32);
  return { name, nameBytes: nameLength, flags, crc: fields.u32(at + 16), size, header, next };
}

function zip64Extra(fields: Fields, start: number, length: number, name: string, refuse: Refuse) {
  const end = start + length;
  for (let at = start; at + 4 <= end; ) {
    const left = fields.u16(at + 2);
    if (at + 4 + left > end) refuse("format", `${name} has a damaged extra field`);
    if (fields.u16(at) === 1) return { at: at + 4, left };
    at += 4 + left;
  }
  return undefined;
}

/** Where the entry's bytes begin, its local header having been found to tell the same as the directory. */
function checkLocal(
  file: RandomAccess,
  { name, nameBytes, flags, crc, size, header }: Central,
  limit: number,
  refuse: Refuse,
): number {
  const quoted = quote(name);
  if (header + 30 > limit) refuse("format", `the local header of ${quoted} lies outside the archive`);
  const head = file.read(header, Math.min(limit, header + 30 + nameBytes));
  const fixed = new Fields(head, refuse);
  if (fixed.u32(0) !== signature.local) refuse("format", `the local header of ${quoted} is missing`);
  const nameLength = fixed.u16(26);
  const start = header + 30 + nameLength + fixed.u16(28);
  if (start > limit) refuse("format", `the local header of ${quoted} lies outside the archive`);
  const localName = nameLength === nameBytes ? decodeName(head.subarray(30), refuse) : undefined;
  const localSize = fixed.u32(22);
  const told = localSize !== 0xffffffff && (flags & 8) === 0;
  const same =
    localName === name &&
    fixed.u16(8) === 0 &&
    (fixed.u16(6) & 0x2041) === 0 &&
    (!told || (localSize === size && fixed.u32(18) === size && fixed.u32(14) === crc));
  if (!same) refuse("format", `the local header of ${quoted} contradicts the zip directory`);
  return start;
}

function decodeName(bytes: Uint8Array, refuse: Refuse): string {
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("format", "the zip directory has a name that is not UTF-8");
  }
  const parts = name.split("/");
  if (
    name === "" ||
    /[\\\p{Cc}]/u.test(name) ||
    /^[A-Za-z]:/.test(name) ||
    parts.includes("..") ||
    parts[0] === ""
  )
    refuse("format", `the zip directory has the unsafe name ${quote(name)}`);
  return name;
}
