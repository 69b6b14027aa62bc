const ORIENTATION = 0x0112;
const SHORT = 3;
const LONG = 4;

/** Where an EXIF block says how a picture is to be turned. */
export interface ExifOrientation {
  /** 1 to 8. */
  value: number;
  /** Offset of the value's two bytes in the block. */
  at: number;
  /** Whether the first of the two is the lower one. */
  isLittle: boolean;
}

/**
 * The orientation of an EXIF block: tag 0x0112 of its first directory (CIPA DC-008, 4.6.4). A number of 32 bits, which some
 * programs write and the standard does not have, is read as libexif reads it.
 * @returns undefined where the block has none, or is broken
 */
export function exifOrientation(block: Uint8Array): ExifOrientation | undefined {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const order = String.fromCharCode(...block.subarray(0, 2));
  if ((order !== "II" && order !== "MM") || block.length < 8) return undefined;
  const isLittle = order === "II";
  const short = (at: number) => (at + 2 <= block.length ? view.getUint16(at, isLittle) : 0);
  const directory = view.getUint32(4, isLittle);
  for (let i = 0, count = short(directory); i < count; i++) {
    const entry = directory + 2 + i * 12;
    if (short(entry) !== ORIENTATION) continue;
    const type = short(entry + 2);
    if (type !== SHORT && type !== LONG) return undefined;
    const at = entry + (type === LONG && !isLittle ? 10 : 8);
    const value = short(at);
    return value >= 1 && value <= 8 ? { value, at, isLittle } : undefined;
  }
  return undefined;
}
