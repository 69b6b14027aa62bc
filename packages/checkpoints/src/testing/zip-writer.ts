import { crc32 } from "@controlnet-js/core";

/** A file to store, with lies about it. */
export interface ZipPart {
  name: string | Uint8Array;
  data: Uint8Array;
  central?: Partial<ZipFields>;
  local?: Partial<ZipFields>;
}

/** What both headers of a file tell. */
export interface ZipFields {
  flags: number;
  method: number;
  crc: number;
  packed: number;
  size: number;
  name: string;
  extra: Uint8Array;
  /** Where the local header begins (told in the central directory). */
  header: number;
  disk: number;
  signature: number;
}

/** Lies about the archive as a whole. */
export interface ZipEnd {
  disk?: number;
  count?: number;
  countHere?: number;
  size?: number;
  offset?: number;
  comment?: Uint8Array;
  commentLength?: number;
  before?: Uint8Array;
  zip64?: Partial<{
    count: number;
    size: number;
    offset: number;
    place: number;
    signature: number;
    disks: number;
    lone: boolean;
  }>;
}

/** Little-endian bytes of numbers given with their widths. */
export function littleEndian(...fields: [value: number, width: 1 | 2 | 4 | 8][]): Uint8Array {
  const out: number[] = [];
  for (const [value, width] of fields) {
    let left = BigInt(value);
    for (let i = 0; i < width; i++, left >>= 8n) out.push(Number(left & 255n));
  }
  return Uint8Array.from(out);
}

/** The pieces joined. */
export function join(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Writes a stored zip archive, as sound or as unsound as asked. */
export function writeZip(parts: ZipPart[], end: ZipEnd = {}): Uint8Array {
  const locals: Uint8Array[] = [];
  const centrals: Uint8Array[] = [];
  let at = 0;
  for (const { name, data, central, local } of parts) {
    const truth: ZipFields = {
      flags: 0x800,
      method: 0,
      crc: crc32(data),
      packed: data.byteLength,
      size: data.byteLength,
      name: "",
      extra: new Uint8Array(0),
      header: at,
      disk: 0,
      signature: 0,
    };
    const nameBytes = (fields?: Partial<ZipFields>) =>
      fields?.name !== undefined ? ascii(fields.name) : typeof name === "string" ? ascii(name) : name;
    const common = (fields: ZipFields, length: number) =>
      littleEndian(
        [20, 2],
        [fields.flags, 2],
        [fields.method, 2],
        [0, 4],
        [fields.crc, 4],
        [fields.packed, 4],
        [fields.size, 4],
        [length, 2],
        [fields.extra.byteLength, 2],
      );
    const l = { ...truth, ...local };
    const c = { ...truth, ...central };
    const [localName, centralName] = [nameBytes(local), nameBytes(central)];
    const written = join(
      littleEndian([l.signature || 0x04034b50, 4]),
      common(l, localName.byteLength),
      localName,
      l.extra,
      data,
    );
    locals.push(written);
    at += written.byteLength;
    centrals.push(
      join(
        littleEndian([c.signature || 0x02014b50, 4], [20, 2]),
        common(c, centralName.byteLength),
        littleEndian([0, 2], [c.disk, 2], [0, 2], [0, 4], [c.header, 4]),
        centralName,
        c.extra,
      ),
    );
  }
  const body = join(...locals);
  const directory = join(...centrals);
  const wide = end.zip64;
  const offset = body.byteLength;
  const place = offset + directory.byteLength;
  const records: Uint8Array[] = [];
  if (wide) {
    if (!wide.lone)
      records.push(
        littleEndian(
          [wide.signature ?? 0x06064b50, 4],
          [44, 8],
          [45, 2],
          [45, 2],
          [0, 4],
          [0, 4],
          [wide.count ?? parts.length, 8],
          [wide.count ?? parts.length, 8],
          [wide.size ?? directory.byteLength, 8],
          [wide.offset ?? offset, 8],
        ),
      );
    records.push(littleEndian([0x07064b50, 4], [0, 4], [wide.place ?? place, 8], [wide.disks ?? 1, 4]));
  }
  const count = end.count ?? parts.length;
  const comment = end.comment ?? new Uint8Array(0);
  records.push(
    littleEndian(
      [0x06054b50, 4],
      [end.disk ?? 0, 2],
      [end.disk ?? 0, 2],
      [end.countHere ?? count, 2],
      [count, 2],
      [end.size ?? directory.byteLength, 4],
      [end.offset ?? offset, 4],
      [end.commentLength ?? comment.byteLength, 2],
    ),
    comment,
  );
  return join(end.before ?? new Uint8Array(0), body, directory, ...records);
}
