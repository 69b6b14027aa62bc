import { type ByteImage, blankImage } from "../image.js";
import type { ImageHeader } from "../image-header.js";
import { pngChunks } from "../png-chunks.js";
import { exifOrientation } from "./exif-orientation.js";

/** A file that every browser decodes to the same pixels. */
export interface StillFile {
  /** The file, one part after the other. */
  parts: Uint8Array<ArrayBuffer>[];
  /** How its pixels still have to be turned: EXIF's 1 to 8. */
  orientation: number;
}

/**
 * Takes out of a file what browsers differ in: the EXIF orientation of PNG and WebP, which some leave alone, and the
 * animation of a PNG, whose first picture may be another than the one that decoders of still pictures see.
 * @param bytes one's own; a WebP's orientation is overwritten
 */
export function stillFile(bytes: Uint8Array<ArrayBuffer>, format: ImageHeader["format"]): StillFile {
  if (format === "png") return stillPng(bytes);
  return { parts: [bytes], orientation: format === "webp" ? takeWebpOrientation(bytes) : 1 };
}

function stillPng(bytes: Uint8Array<ArrayBuffer>): StillFile {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let orientation: number | undefined;
  let kept = 0;
  let isBeforePixels = true;
  for (const { type, start, end } of pngChunks(bytes)) {
    if (type === "IDAT") isBeforePixels = false;
    if (type !== "acTL" && type !== "eXIf") continue;
    // Node's decoder sees the first one, and none behind the pixels.
    if (type === "eXIf" && isBeforePixels)
      orientation ??= exifOrientation(bytes.subarray(start + 8, end - 4))?.value ?? 1;
    parts.push(bytes.subarray(kept, start));
    kept = end;
  }
  return { parts: [...parts, bytes.subarray(kept)], orientation: orientation ?? 1 };
}

/** Flag of the VP8X chunk (RFC 9649, 2.7): whether there is an EXIF chunk. */
const HAS_EXIF = 0x08;
/** What stands before the block in JPEG files, and with some programs in WebP files. */
const EXIF_NAME = "Exif\0\0";

/** The orientation of a WebP, which is upright afterwards. */
function takeWebpOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nameAt = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (nameAt(12) !== "VP8X" || (bytes[20]! & HAS_EXIF) === 0) return 1;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (nameAt(at) === "EXIF") {
      const name = String.fromCharCode(...bytes.subarray(at + 8, at + 8 + EXIF_NAME.length));
      const start = at + 8 + (name === EXIF_NAME ? EXIF_NAME.length : 0);
      const found = exifOrientation(bytes.subarray(start, at + 8 + size));
      if (!found) return 1;
      view.setUint16(start + found.at, 1, found.isLittle);
      return found.value;
    }
    // Chunks begin at even places.
    at += 8 + size + (size & 1);
  }
  return 1;
}

/** Orientations that are seen with columns and rows exchanged, from 5 on, and those that are mirrored before. */
const FIRST_TURNED = 5;
const mirrorsColumns = new Set([2, 3, 7, 8]);
const mirrorsRows = new Set([3, 4, 6, 7]);

/** The pixels of a picture as its EXIF orientation, 1 to 8, says that they are seen. */
export function upright(image: ByteImage, orientation: number): ByteImage {
  if (orientation === 1) return image;
  const { data, width, height, channels } = image;
  const turned = orientation >= FIRST_TURNED;
  const result = turned ? blankImage(height, width, channels) : blankImage(width, height, channels);
  for (let y = 0, to = 0; y < result.height; y++)
    for (let x = 0; x < result.width; x++) {
      const [column, row] = turned ? [y, x] : [x, y];
      const fromX = mirrorsColumns.has(orientation) ? width - 1 - column : column;
      const fromY = mirrorsRows.has(orientation) ? height - 1 - row : row;
      const from = (fromY * width + fromX) * channels;
      for (let c = 0; c < channels; c++) result.data[to++] = data[from + c]!;
    }
  return result;
}
