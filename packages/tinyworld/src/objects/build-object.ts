import { COLOURS } from "../colours.js";
import { figureOf } from "../figure.js";
import { type Part, placePart, placePoint } from "../parts.js";
import type { SceneObject } from "../scene.js";
import type { Vector } from "../vector.js";
import { BUILDERS } from "./kinds.js";

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
