import { crc32 } from "@controlnet-js/core";

/** Where the IHDR chunk ends: 8 bytes of signature, then length, type, 13 bytes and checksum. */
const afterHeader = 8 + 4 + 4 + 13 + 4;

/** A PNG with an `iTXt` chunk (PNG specification, 11.3.3.4) put after its header: UTF-8, not compressed. */
export function pngWithText(png: Uint8Array, keyword: string, text: string): Buffer {
  const body = Buffer.concat([
    Buffer.from("iTXt", "latin1"),
    Buffer.from(`${keyword}\0\0\0\0\0`, "latin1"),
    Buffer.from(text, "utf8"),
  ]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return Buffer.concat([png.subarray(0, afterHeader), chunk, png.subarray(afterHeader)]);
}

/** The text of a PNG's `iTXt` chunk with this keyword, or undefined. */
export function readPngText(png: Uint8Array, keyword: string): string | undefined {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  const head = `${keyword}\0\0\0\0\0`;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (
      bytes.toString("latin1", at + 4, at + 8) === "iTXt" &&
      data.toString("latin1", 0, head.length) === head
    )
      return data.toString("utf8", head.length);
    at += 12 + length;
  }
  return undefined;
}
