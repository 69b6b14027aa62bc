import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { ByteImage } from "@controlnet-js/preprocessors";

const TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };

/** An array of a fixture. */
export interface FixtureArray {
  shape: number[];
  data: Uint8Array | Int32Array | Float32Array | Float64Array;
}

/** Reads the named arrays that `tooling/reference/preprocessors/arrays.py` wrote. */
export function readFixture(name: string): Record<string, FixtureArray> {
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

/** An array of bytes `[height, width, channels]` as a picture. */
export const asImage = ({ shape, data }: FixtureArray): ByteImage => ({
  data: new Uint8Array(data),
  height: shape[0]!,
  width: shape[1]!,
  channels: shape[2]!,
});
