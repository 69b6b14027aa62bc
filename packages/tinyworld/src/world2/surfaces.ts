import { drawnIn, type SegmentationClass } from "../palette.js";
import { GROUND, SKY, WALL } from "../shading.js";
import { KINDS2, type Kind2 } from "./scene.js";

/** Surfaces of rooms, beside {@link SKY}, {@link GROUND} and {@link WALL}. */
export const WINDOW = -4;
export const DOOR = -5;
export const FURNITURE = -6;
export const CEILING = -7;
export { GROUND, SKY, WALL };

const NAMES = ["sky", "ground", "wall", "window", "door", "furniture", "ceiling", ...KINDS2] as const;

/** A class of world 2's segmentation. */
export interface SegmentationClass2 extends Omit<SegmentationClass, "name"> {
  name: (typeof NAMES)[number];
}

/** Every class of world 2's segmentation, by id. */
export const SEGMENTATION_PALETTE2: readonly SegmentationClass2[] = NAMES.map((name, id) => ({
  id,
  name,
  colour: drawnIn(id),
}));

const IDS = new Map<string, number>(NAMES.map((name, id) => [name, id]));

/** The class of a surface: an object's position in the scene, or one of the codes below zero. */
export const classOf = (surface: number, kinds: readonly Kind2[]): number =>
  surface < 0 ? -1 - surface : IDS.get(kinds[surface]!)!;
