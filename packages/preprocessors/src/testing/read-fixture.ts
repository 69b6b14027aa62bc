import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { ByteImage } from "../image.js";

type Values =
  | Uint8Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;
const TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };

/** Reads the named arrays that `tooling/reference/preprocessors/arrays.py` wrote. */
export function readFixture(name: string): Record<string, { shape: number[]; data: Values }> {
  const raw = gunzipSync(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)));
  const bytes = new Uint8Array(raw).buffer;
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  return Object.fromEntries(
    Object.entries<{ type: keyof typeof TYPES; shape: number[]; offset: number }>(header.arrays).map(
      ([key, { type, shape, offset }]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return [key, { shape, data: new TYPES[type](bytes, 4 + length + offset, count) }];
      },
    ),
  );
}

/** The fixture's arrays as byte images `[height, width, channels]`; two dimensions mean one channel. */
export function readImages(name: string): Record<string, ByteImage> {
  return Object.fromEntries(
    Object.entries(readFixture(name)).map(([key, { shape, data }]) => [
      key,
      { data: new Uint8Array(data), height: shape[0]!, width: shape[1]!, channels: shape[2] ?? 1 },
    ]),
  );
}

/** A JSON file of the fixtures' folder. */
export function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), "utf8"));
}
