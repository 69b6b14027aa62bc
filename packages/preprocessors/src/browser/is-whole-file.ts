import { type ImageHeader, jpegFrame } from "../image-header.js";

/**
 * Whether a picture file reaches its end: browsers decode the top of a cut file and leave the rest grey or black
 * without a word. What programs append behind the end does not count.
 */
export function isWholeFile(bytes: Uint8Array, format: ImageHeader["format"]): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "webp") return bytes.length >= 8 + view.getUint32(4, true);
  if (format === "png") return hasLastChunk(view);
  // Only the end of the picture follows the frame header; that of an embedded preview lies before it. Within the
  // compressed data 0xff is never followed by 0xd9.
  for (let at = bytes.indexOf(0xff, jpegFrame(bytes)); at >= 0; at = bytes.indexOf(0xff, at + 1))
    if (bytes[at + 1] === 0xd9) return true;
  return false;
}

const IEND = 0x49454e44;

/** Walks the chunks of a PNG: a length, a name, that many bytes and a checksum. */
function hasLastChunk(view: DataView): boolean {
  for (let at = 8; at + 12 <= view.byteLength; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === IEND) return true;
  return false;
}
