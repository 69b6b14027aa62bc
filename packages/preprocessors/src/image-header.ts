import { ControlNetError } from "@controlnet-js/core";

/** What the first bytes of a picture file say. */
export interface ImageHeader {
  format: "png" | "jpeg" | "webp";
  /** In pixels, before the EXIF orientation turns the picture. */
  width: number;
  height: number;
  /** Bits of a value in the file: 16 in deep PNG files, fewer than 8 where they are numbers of a palette or of few greys. */
  bits: number;
  /** Whether the colours are inks: a JPEG of four components. */
  isCmyk: boolean;
}

/**
 * Reads the size of a PNG, JPEG or WebP file without decoding it, so that a decompression bomb costs nothing.
 * @throws ControlNetError `data` for another format, a broken or cut header, or a size of zero
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  const header = pngHeader(bytes) ?? jpegHeader(bytes) ?? webpHeader(bytes);
  if (!header)
    throw new ControlNetError(
      "data",
      "readImageHeader: expected a PNG, JPEG or WebP file, got another format",
    );
  const { format, width, height } = header;
  if (width < 1 || height < 1)
    throw new ControlNetError(
      "data",
      `readImageHeader: expected a ${format} of at least 1x1, got ${width}x${height}`,
    );
  return header;
}

/** The bytes with bounds: reading behind their end says that the file is cut. */
class Reader {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly format: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** `count` bytes as a number, the first being the highest. */
  big(at: number, count: 1 | 2 | 4): number {
    this.need(at + count);
    return count === 1
      ? this.view.getUint8(at)
      : count === 2
        ? this.view.getUint16(at)
        : this.view.getUint32(at);
  }

  /** Four bytes as a number, the first being the lowest. */
  little(at: number): number {
    this.need(at + 4);
    return this.view.getUint32(at, true);
  }

  private need(length: number): void {
    if (length > this.bytes.length)
      throw new ControlNetError("data", `readImageHeader: the ${this.format} file ends inside its header`);
  }
}

const startsWith = (bytes: Uint8Array, text: string, at = 0): boolean =>
  bytes.length >= at + text.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));

/** PNG (second edition), 5.2 and 11.2.2: a signature, then the IHDR chunk. */
function pngHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (!startsWith(bytes, "\x89PNG\r\n\x1a\n")) return undefined;
  const reader = new Reader(bytes, "PNG");
  const bits = reader.big(24, 1);
  // Those made for iPhones begin with another chunk, and only Apple's programs read them.
  if (!startsWith(bytes, "IHDR", 12))
    throw new ControlNetError("data", "readImageHeader: the PNG file does not begin with its header, IHDR");
  return { format: "png", width: reader.big(16, 4), height: reader.big(20, 4), bits, isCmyk: false };
}

function jpegHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (!startsWith(bytes, "\xff\xd8\xff")) return undefined;
  const reader = new Reader(bytes, "JPEG");
  const frame = jpegFrame(bytes);
  return {
    format: "jpeg",
    width: reader.big(frame + 6, 2),
    height: reader.big(frame + 4, 2),
    bits: reader.big(frame + 3, 1),
    isCmyk: reader.big(frame + 8, 1) === 4,
  };
}

/**
 * Where a JPEG file's first frame header lies: its marker's second byte, SOF0 to SOF15 (ITU-T T.81, B.1.1.3 and B.2.2).
 * @throws ControlNetError `data` where there is none
 */
export function jpegFrame(bytes: Uint8Array): number {
  const reader = new Reader(bytes, "JPEG");
  let at = 2;
  for (;;) {
    if (reader.big(at, 1) !== 0xff)
      throw new ControlNetError("data", "readImageHeader: the JPEG file has no frame header");
    // Any number of fill bytes may stand before a marker.
    while (reader.big(at, 1) === 0xff) at++;
    const marker = reader.big(at, 1);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return at;
    const isAlone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += isAlone ? 1 : 1 + Math.max(2, reader.big(at + 1, 2));
  }
}

/** RFC 9649: RIFF, then a VP8 (lossy), VP8L (lossless) or VP8X (extended) chunk. */
function webpHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (!startsWith(bytes, "RIFF") || !startsWith(bytes, "WEBP", 8)) return undefined;
  const reader = new Reader(bytes, "WebP");
  const plain = { format: "webp", bits: 8, isCmyk: false } as const;
  if (startsWith(bytes, "VP8X", 12)) {
    const width = (reader.little(24) & 0xffffff) + 1;
    return { ...plain, width, height: (reader.little(26) >>> 8) + 1 };
  }
  if (startsWith(bytes, "VP8L", 12)) {
    const bits = reader.little(21);
    return { ...plain, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (startsWith(bytes, "VP8 ", 12)) {
    const bits = reader.little(26);
    return { ...plain, width: bits & 0x3fff, height: (bits >>> 16) & 0x3fff };
  }
  reader.little(12);
  throw new ControlNetError("data", "readImageHeader: the WebP file has no picture");
}
