import { crc32 } from "@controlnet-js/core";
import { type ImageHeader, jpegFrame } from "../image-header.js";
import { pngChunks } from "../png-chunks.js";
import { type ColourSpace, makeProfile, type ParametricCurve, srgbCurve } from "./icc-profile.js";

/** What a picture file says about its colours, other than that they are sRGB. */
export interface FileProfile {
  /** An ICC profile. */
  icc: Uint8Array<ArrayBuffer>;
  /** How it lies in the file: as it is, as a zlib stream, or not at all, being made of a PNG's `cICP`, `gAMA` or `cHRM`. */
  form: "plain" | "deflated" | "made";
}

/** The colour profile of a file; undefined where it has none. */
export function fileProfile(bytes: Uint8Array, format: ImageHeader["format"]): FileProfile | undefined {
  if (format === "png") return pngProfile(bytes);
  const icc = format === "jpeg" ? jpegProfile(bytes) : webpProfile(bytes);
  return icc && { icc, form: "plain" };
}

const isText = (bytes: Uint8Array, at: number, text: string): boolean =>
  [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));

const ICC_NAME = "ICC_PROFILE\0";

/** The parts of a JPEG's profile lie in APP2 segments before the frame, each with its number (ICC.1, B.4). */
function jpegProfile(bytes: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const end = jpegFrame(bytes);
  const parts: { number: number; data: Uint8Array }[] = [];
  for (let at = 2; at + 4 < end; ) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) at++;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else {
      const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      const data = at + 4 + ICC_NAME.length;
      if (marker === 0xe2 && isText(bytes, at + 4, ICC_NAME))
        parts.push({ number: bytes[data]!, data: bytes.subarray(data + 2, at + 2 + length) });
      at += 2 + Math.max(2, length);
    }
  }
  if (parts.length === 0) return undefined;
  return joined(parts.sort((a, b) => a.number - b.number).map(({ data }) => data));
}

/** RFC 9649, 2.7: the ICCP chunk, where the VP8X chunk's flag says that there is one. */
function webpProfile(bytes: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (!isText(bytes, 12, "VP8X") || (bytes[20]! & 0x20) === 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (isText(bytes, at, "ICCP")) return new Uint8Array(bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size + (size & 1);
  }
  return undefined;
}

/** PNG (third edition), 4.3: cICP goes before iCCP, that before sRGB, and that before gAMA and cHRM. */
function pngProfile(bytes: Uint8Array): FileProfile | undefined {
  const chunks = new Map<string, DataView>();
  for (const { type, start, end } of pngChunks(bytes)) {
    if (type === "IDAT") break;
    if (!chunks.has(type))
      chunks.set(type, new DataView(bytes.buffer, bytes.byteOffset + start + 8, end - start - 12));
  }
  const made = (space: ColourSpace): FileProfile => ({ icc: makeProfile(space), form: "made" });
  const coded = codedSpace(chunks.get("cICP"));
  if (coded) return isSrgbSpace(coded) ? undefined : made(coded);
  const embedded = chunks.get("iCCP");
  if (embedded) {
    const data = new Uint8Array(embedded.buffer, embedded.byteOffset, embedded.byteLength);
    // A name, NUL, the method of compression, the stream.
    const stream = data.subarray(data.indexOf(0) + 2);
    return { icc: new Uint8Array(stream), form: "deflated" };
  }
  const measured = chunks.has("sRGB") ? undefined : measuredSpace(chunks.get("gAMA"), chunks.get("cHRM"));
  return measured && made(measured);
}

const d65 = [0.3127, 0.329] as const;
const srgbPrimaries: ColourSpace["primaries"] = [
  [0.64, 0.33],
  [0.3, 0.6],
  [0.15, 0.06],
];

/** Primaries and curves by their numbers of ITU-T H.273, tables 2 and 3. */
const codedPrimaries: Record<number, Pick<ColourSpace, "primaries" | "white">> = {
  1: { primaries: srgbPrimaries, white: d65 },
  5: {
    primaries: [
      [0.64, 0.33],
      [0.29, 0.6],
      [0.15, 0.06],
    ],
    white: d65,
  },
  6: {
    primaries: [
      [0.63, 0.34],
      [0.31, 0.595],
      [0.155, 0.07],
    ],
    white: d65,
  },
  9: {
    primaries: [
      [0.708, 0.292],
      [0.17, 0.797],
      [0.131, 0.046],
    ],
    white: d65,
  },
  11: {
    primaries: [
      [0.68, 0.32],
      [0.265, 0.69],
      [0.15, 0.06],
    ],
    white: [0.314, 0.351],
  },
  12: {
    primaries: [
      [0.68, 0.32],
      [0.265, 0.69],
      [0.15, 0.06],
    ],
    white: d65,
  },
};
const gamma = (g: number): ParametricCurve => ({ g, a: 1, b: 0, c: 0, d: 0 });
const television: ParametricCurve = { g: 1 / 0.45, a: 1 / 1.099, b: 0.099 / 1.099, c: 1 / 4.5, d: 0.081 };
const codedCurves: Record<number, ParametricCurve> = {
  1: television,
  4: gamma(2.2),
  5: gamma(2.8),
  6: television,
  8: gamma(1),
  13: srgbCurve,
  14: television,
  15: television,
};

/** The space of a cICP chunk; undefined for those that are none of RGB or of high dynamic range. */
function codedSpace(chunk: DataView | undefined): ColourSpace | undefined {
  if (chunk?.byteLength !== 4 || chunk.getUint8(2) !== 0 || chunk.getUint8(3) !== 1) return undefined;
  const space = codedPrimaries[chunk.getUint8(0)];
  const curve = codedCurves[chunk.getUint8(1)];
  return space && curve && { ...space, curve };
}

/** Encoders write 1/2.2 for sRGB; what is nearer than libpng's threshold is not converted either. */
const PLAIN_GAMMA = 0.45455;
const GAMMA_THRESHOLD = 0.05;

function measuredSpace(gAMA: DataView | undefined, cHRM: DataView | undefined): ColourSpace | undefined {
  const exponent = gAMA?.byteLength === 4 ? gAMA.getUint32(0) / 1e5 : PLAIN_GAMMA;
  if (exponent < 0.01 || exponent > 100) return undefined;
  const isPlain = Math.abs(exponent / PLAIN_GAMMA - 1) < GAMMA_THRESHOLD;
  const space = { ...chromaticities(cHRM), curve: isPlain ? srgbCurve : gamma(1 / exponent) };
  return isSrgbSpace(space) ? undefined : space;
}

/** Of a cHRM chunk; sRGB's where there is none that is possible. */
function chromaticities(cHRM: DataView | undefined): Pick<ColourSpace, "primaries" | "white"> {
  const srgb = { primaries: srgbPrimaries, white: d65 };
  if (cHRM?.byteLength !== 32) return srgb;
  const [white, ...primaries] = [0, 1, 2, 3].map(
    (i) => [cHRM.getUint32(8 * i) / 1e5, cHRM.getUint32(8 * i + 4) / 1e5] as [x: number, y: number],
  );
  const [[rx, ry], [gx, gy], [bx, by]] = primaries as [[number, number], [number, number], [number, number]];
  const area = Math.abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry));
  const isPossible = area > 0.01 && [white!, ...primaries].every(([x, y]) => y > 0 && x + y <= 1);
  return isPossible ? { white: white!, primaries } : srgb;
}

function isSrgbSpace({ primaries, white, curve }: ColourSpace): boolean {
  const isNear = (a: readonly number[], b: readonly number[]) =>
    a.every((v, i) => Math.abs(v - b[i]!) < 0.002);
  return (
    curve === srgbCurve && isNear(white, d65) && primaries.every((xy, i) => isNear(xy, srgbPrimaries[i]!))
  );
}

/** The chunks of a PNG that say something about its colours. */
const colourChunks = new Set(["cICP", "iCCP", "sRGB", "gAMA", "cHRM"]);

/** A PNG whose only statement about its colours is a profile, so that every decoder reads it alike. */
export function pngWithProfile(png: Uint8Array, icc: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts = [png.subarray(0, 8)];
  for (const { type, start, end } of pngChunks(png)) {
    if (!colourChunks.has(type)) parts.push(png.subarray(start, end));
    if (type === "IHDR") parts.push(profileChunk(icc));
  }
  return joined(parts);
}

/** An iCCP chunk (11.3.2.3), its stream of stored blocks (RFC 1951, 3.2.4). */
function profileChunk(icc: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < icc.length; at += 65535) {
    const block = icc.subarray(at, at + 65535);
    const { length } = block;
    const isLast = at + length === icc.length ? 1 : 0;
    blocks.push(Uint8Array.of(isLast, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255), block);
  }
  // A name, NUL, the method of compression; the stream's two bytes of header, its blocks and checksum.
  const start = Uint8Array.from("iCCPc\0\0x\x01", (letter) => letter.charCodeAt(0));
  const body = joined([start, ...blocks, bigEndian(adler32(icc))]);
  return joined([bigEndian(body.length - 4), body, bigEndian(crc32(body))]);
}

const bigEndian = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
