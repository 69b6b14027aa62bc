import { type ImageHeader, jpegFrame } from "../image-header.js";
import { pngChunks } from "../png-chunks.js";

/**
 * Whether a picture file reaches its end: browsers decode the top of a cut file and leave the rest grey or black
 * without a word. What programs append behind the end does not count.
 */
export function isWholeFile(bytes: Uint8Array, format: ImageHeader["format"]): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "webp") return bytes.length >= 8 + view.getUint32(4, true);
  if (format === "png") {
    for (const { type } of pngChunks(bytes)) if (type === "IEND") return true;
    return false;
  }
  // Only the end of the picture follows the frame header; that of an embedded preview lies before it. Within the
  // compressed data 0xff is never followed by 0xd9.
  for (let at = bytes.indexOf(0xff, jpegFrame(bytes)); at >= 0; at = bytes.indexOf(0xff, at + 1))
    if (bytes[at + 1] === 0xd9) return true;
  return false;
}
