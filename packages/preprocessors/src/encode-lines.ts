import { ControlNetError, type Image } from "@controlnet-js/core";
import { assertImage } from "./image.js";
import { crcKernel, linesKernel } from "./kernels/png-kernels.js";

/** {@link encodeLines}. */
export interface EncodeLinesOptions {
  /** Channels of the file: 3 repeats those of a map of one. Default those of the map. */
  channels?: 1 | 3;
  /** Texts to keep in the file by their keywords, 1 to 79 ASCII letters, as `iTXt` chunks. */
  text?: Readonly<Record<string, string>>;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/**
 * A PNG of a map of lines, such as Canny's edges, many times faster than by a general encoder: only runs of black and white
 * are written. Readers see eight bits a channel.
 * @param map `[height, width, 1 or 3]`, bytes
 * @returns undefined where a pixel is neither black nor white, and where there is no WebAssembly or no room for the map in
 * it: a general encoder does it then
 * @throws ControlNetError `shape` for another layout, `format` for a keyword or a text that PNG can't hold
 */
export function encodeLines(map: Image, options: EncodeLinesOptions = {}): Uint8Array | undefined {
  assertImage("encodeLines", map, [1, 3]);
  const { channels = map.channels, text = {} } = options;
  if (channels !== 3 && channels !== map.channels)
    throw new ControlNetError(
      "shape",
      `encodeLines: a map of ${map.channels} channels makes no file of ${channels}`,
    );
  for (const [keyword, value] of Object.entries(text))
    if (!/^[ -~]{1,79}$/.test(keyword) || value.includes("\0"))
      throw new ControlNetError(
        "format",
        `encodeLines: expected a keyword of 1 to 79 ASCII letters and a text without NUL, got ${JSON.stringify(keyword)}`,
      );
  const stream = linesKernel(map, channels / map.channels);
  if (!stream) return undefined;
  const utf8 = new TextEncoder();
  const parts = [
    signature,
    chunk("IHDR", header({ ...map, channels })),
    ...Object.entries(text).map(([key, value]) => chunk("iTXt", utf8.encode(`${key}\0\0\0\0\0${value}`))),
    chunk("IDAT", stream),
    chunk("IEND", new Uint8Array()),
  ];
  const png = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    png.set(part, at);
    at += part.length;
  }
  return png;
}

/** IHDR (PNG, second edition, 11.2.2): eight bits of grey or RGB. */
function header({ width, height, channels }: Image): Uint8Array {
  const bytes = new Uint8Array(13);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  bytes[8] = 8;
  bytes[9] = channels === 3 ? 2 : 0;
  return bytes;
}

/** A chunk (5.3): its length, type, data and checksum. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  // There are kernels where there is a stream.
  view.setUint32(8 + data.length, crcKernel(bytes.subarray(4, 8 + data.length))!);
  return bytes;
}
