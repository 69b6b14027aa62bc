import type { ByteImage } from "../image.js";

type Values =
  | Uint8Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;
const TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };

/** Arrays by name, `shape` rows first. */
export type NamedArrays = Record<string, { shape: number[]; data: Values }>;

/** The named arrays in the unpacked bytes that `tooling/reference/preprocessors/arrays.py` wrote. */
export function parseArrays(unpacked: Uint8Array): NamedArrays {
  const bytes = new Uint8Array(unpacked).buffer;
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

/** One array as bytes `[height, width, channels]`; two dimensions mean one channel. */
export const asImage = ({ shape, data }: NamedArrays[string]): ByteImage => ({
  data: new Uint8Array(data),
  height: shape[0]!,
  width: shape[1]!,
  channels: shape[2] ?? 1,
});

/** All arrays as byte images. */
export const asImages = (arrays: NamedArrays): Record<string, ByteImage> =>
  Object.fromEntries(Object.entries(arrays).map(([key, array]) => [key, asImage(array)]));
