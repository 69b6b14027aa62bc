import type { Vector } from "./vector.js";

/** The named colours of main objects: sRGB, 0-255. */
export const COLOURS = {
  red: [214, 38, 42],
  orange: [246, 128, 22],
  yellow: [250, 216, 40],
  green: [44, 158, 66],
  cyan: [46, 205, 216],
  blue: [38, 84, 214],
  purple: [128, 54, 182],
  pink: [248, 136, 188],
  brown: [116, 70, 40],
  white: [243, 243, 243],
  grey: [132, 133, 136],
  black: [34, 34, 38],
} as const satisfies Record<string, Vector>;

/** A colour's name, as captions use it. */
export type ColourName = keyof typeof COLOURS;

/** All colour names, in the order of {@link COLOURS}. */
export const COLOUR_NAMES = Object.keys(COLOURS) as ColourName[];
