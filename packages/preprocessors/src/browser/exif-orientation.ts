const ORIENTATION = 0x0112;
const SHORT = 3;

/** Where an EXIF block says how a picture is to be turned. */
export interface ExifOrientation {
  /** 1 to 8. */
  value: number;
  /** Offset of the value in the block; two bytes, the first being the lower one where `isLittle`. */
  at: number;
  isLittle: boolean;
}

/** The orientation of an EXIF block (CIPA DC-008, 4.6.4: tag 0x0112 of the first directory); undefined where it has none. */
export function exifOrientation(block: Uint8Array): ExifOrientation | undefined {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const text = String.fromCharCode(...block.subarray(0, 6));
  // As in JPEG files, where this name stands before the block; some programs keep it in others.
  const start = text === "Exif\0\0" ? 6 : 0;
  const order = String.fromCharCode(...block.subarray(start, start + 2));
  if (order !== "II" && order !== "MM") return undefined;
  const isLittle = order === "II";
  const short = (at: number) => (at + 2 <= block.length ? view.getUint16(at, isLittle) : 0);
  if (start + 8 > block.length) return undefined;
  const directory = start + view.getUint32(start + 4, isLittle);
  for (let i = 0, count = short(directory); i < count; i++) {
    const entry = directory + 2 + i * 12;
    if (short(entry) !== ORIENTATION) continue;
    const value = short(entry + 8);
    return short(entry + 2) === SHORT && value >= 1 && value <= 8
      ? { value, at: entry + 8, isLittle }
      : undefined;
  }
  return undefined;
}
