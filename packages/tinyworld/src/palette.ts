import { OBJECT_KINDS, type ObjectKind } from "./objects/kinds.js";
import type { Vector } from "./vector.js";

/** A class of a segmentation map. */
export interface SegmentationClass {
  /** The value in the map; also the position in {@link SEGMENTATION_PALETTE}. */
  id: number;
  name: "sky" | "ground" | "wall" | ObjectKind;
  /** The colour that it is drawn in: sRGB, 0-255. */
  colour: Vector;
}

/** Steps of the golden angle around the colour wheel, at three brightnesses: neighbours never look alike. */
export function drawnIn(id: number): Vector {
  const hue = ((id * 137.508) % 360) / 60;
  const value = [255, 190, 140][id % 3]!;
  const channel = (offset: number): number => {
    const k = (offset + hue) % 6;
    return Math.round(value * (1 - 0.85 * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/** Every class of {@link GroundTruth}'s segmentation, by id: sky, ground, wall, then the object kinds. */
export const SEGMENTATION_PALETTE: readonly SegmentationClass[] = (
  ["sky", "ground", "wall", ...OBJECT_KINDS] as const
).map((name, id) => ({ id, name, colour: drawnIn(id) }));

const IDS = new Map(SEGMENTATION_PALETTE.map(({ id, name }) => [name, id]));

/** The id of a class. */
export const segmentationId = (name: SegmentationClass["name"]): number => IDS.get(name)!;
