/** A chunk of a PNG (second edition, 5.3): a length, a type, that many bytes and a checksum. */
export interface PngChunk {
  type: string;
  /** Where it begins and ends in the file. */
  start: number;
  end: number;
}

/** The chunks of a PNG that are there as a whole, up to IEND. */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 8; start + 12 <= bytes.length; ) {
    const end = start + 12 + view.getUint32(start);
    if (end > bytes.length) return;
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    yield { type, start, end };
    if (type === "IEND") return;
    start = end;
  }
}
