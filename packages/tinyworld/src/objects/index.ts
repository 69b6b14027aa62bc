import { COLOURS } from "../colours.js";
import { figureOf } from "../figure.js";
import { type Part, placePart, placePoint } from "../parts.js";
import type { SceneObject } from "../scene.js";
import type { Vector } from "../vector.js";
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

/** An object's geometry in the world. */
export interface BuiltObject {
  parts: Part[];
  /** A person's 18 joints, in OpenPose's order. */
  joints: Vector[] | null;
}

/** Builds an object where it stands. */
export function buildObject(object: SceneObject): BuiltObject {
  const colour = COLOURS[object.colour];
  if (object.kind === "person") {
    const { parts, joints } = figureOf(object.pose ?? "standing", colour, object.look);
    return {
      parts: parts.map((piece) => placePart(piece, object)),
      joints: joints.map((joint) => placePoint(joint, object)),
    };
  }
  return {
    parts: BUILDERS[object.kind](colour, object.look).map((piece) => placePart(piece, object)),
    joints: null,
  };
}
