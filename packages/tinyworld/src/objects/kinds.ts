import { boat, car, chair, house, lamp, table } from "./built.js";
import { pine, rocket, snowman, tree } from "./nature.js";
import { ball, cone, cube, cup, cylinder, mushroom, pyramid, ring } from "./solids.js";

/** Builders of the kinds that have no joints. */
export const BUILDERS = {
  ball,
  cube,
  cone,
  cylinder,
  pyramid,
  ring,
  cup,
  house,
  tree,
  pine,
  car,
  boat,
  rocket,
  mushroom,
  snowman,
  table,
  chair,
  lamp,
} as const;

/** What an object can be. */
export type ObjectKind = keyof typeof BUILDERS | "person";

/** Every kind of object. */
export const OBJECT_KINDS: readonly ObjectKind[] = [...(Object.keys(BUILDERS) as ObjectKind[]), "person"];
