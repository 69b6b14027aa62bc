import type { Image } from "@controlnet-js/core";
import { ADE20K_PALETTE, COCO_PALETTE } from "../maps/palettes.js";

// Whether a map makes more sense with red and blue exchanged: a guess from its pixels, for maps whose colours have a meaning.

/** Surfaces face the viewer more than they face left: blue outweighs red. */
export function looksSwappedNormal({ data }: Image): boolean {
  let difference = 0;
  for (let i = 0; i < data.length; i += 3) difference += data[i]! - data[i + 2]!;
  return difference / (data.length / 3) > 32;
}

/** More than twice as many pixels have a colour of the palettes when they are exchanged. */
export function looksSwappedSegmentation({ data }: Image): boolean {
  const keys = new Set([...ADE20K_PALETTE, ...COCO_PALETTE].map(([r, g, b]) => (r << 16) | (g << 8) | b));
  let right = 0;
  let swapped = 0;
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
    if (keys.has((r << 16) | (g << 8) | b)) right++;
    if (keys.has((b << 16) | (g << 8) | r)) swapped++;
  }
  return swapped > 2 * right;
}

/**
 * The joints' colours are the same set with red and blue exchanged, but their neighbours are not: the red nose
 * touches blue and violet limbs, the blue knee touches blue-green ones.
 */
export function looksSwappedPose({ data, width, height }: Image): boolean {
  const colour = (i: number) => (data[i * 3]! << 16) | (data[i * 3 + 1]! << 8) | data[i * 3 + 2]!;
  const right = new Set([0x000099, 0x330099, 0x990099]);
  const wrong = new Set([0x996600, 0x993300]);
  let votes = 0;
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      if (colour(i) !== 0xff0000) continue;
      for (const step of [1, -1, width, -width]) {
        const beside = colour(i + step);
        if (right.has(beside)) votes++;
        else if (wrong.has(beside)) votes--;
      }
    }
  return votes < 0;
}
