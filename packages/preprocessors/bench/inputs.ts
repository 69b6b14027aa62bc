import { readFileSync } from "node:fs";

/** Sides of the square pictures. */
export const SIZES = [512, 2048];
export const SCALES = { down: 5 / 8, up: 3 / 2 };
export const INTERPOLATIONS = ["nearest", "bilinear", "cubic", "lanczos4", "area"] as const;

/** The photograph of 512 x 512 whose raw bytes `compare.ts` wrote, repeated to `size` x `size`. */
export function photographOf(size: number, path = process.argv[2]!) {
  const tile = readFileSync(path);
  const data = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x += 512)
      data.set(tile.subarray((y % 512) * 1536, ((y % 512) + 1) * 1536), (y * size + x) * 3);
  return { data, width: size, height: size, channels: 3 };
}

/** Four people whose joints lie all over the canvas, so that limbs are long. */
export const peopleOf = (size: number) =>
  Array.from({ length: 4 }, (_, person) => ({
    body: Array.from({ length: 18 }, (_, i) => ({
      x: (((i * 37 + person * 101) % 97) / 97) * size,
      y: (((i * 61 + person * 53) % 89) / 89) * size,
    })),
  }));
