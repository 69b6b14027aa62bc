import { COLOURS } from "../colours.js";
import type { BuiltObject } from "../objects/build-object.js";
import { BUILDERS } from "../objects/kinds.js";
import { halfExtents, type Part, placePart, placePoint } from "../parts.js";
import type { Vector } from "../vector.js";
import { animalOf } from "./animals.js";
import { personOf } from "./figure.js";
import { houseOf, sofaOf } from "./house.js";
import type { SceneObject2 } from "./scene.js";

/** An object's geometry in the world. */
export interface BuiltObject2 extends BuiltObject {
  /** A person's right and left hand. */
  hands: [Vector, Vector] | null;
  /** An animal's joints, in the order of `ANIMAL_JOINTS`. */
  animal: Vector[] | null;
}

/** What an object is made of, in its own coordinates. */
function modelOf(
  { kind, colour: name, action, look }: SceneObject2,
  night: boolean,
): { parts: Part[]; joints?: Vector[]; hands?: [Vector, Vector]; animal?: Vector[] } {
  const colour = COLOURS[name];
  // Where the caption is silent the pose is any: the look's last number decides.
  const silent = look[look.length - 1]! < 0.75 ? "free" : "standing";
  switch (kind) {
    case "person":
      return personOf(action ?? silent, colour, look);
    case "dog":
    case "horse": {
      const { parts, joints } = animalOf(kind, action ?? silent, colour, look);
      return { parts, animal: joints };
    }
    case "house":
      return { parts: houseOf(colour, look, night) };
    case "sofa":
      return { parts: sofaOf(colour, look) };
    default:
      return { parts: BUILDERS[kind](colour, look) };
  }
}

/** Builds an object where it stands; houses have lights on at `night`. */
export function buildObject2(object: SceneObject2, night = false): BuiltObject2 {
  const { parts, joints, hands, animal } = modelOf(object, night);
  const place = (point: Vector): Vector => placePoint(point, object);
  return {
    parts: parts.map((piece) => placePart(piece, object)),
    joints: joints?.map(place) ?? null,
    hands: hands ? [place(hands[0]), place(hands[1])] : null,
    animal: animal?.map(place) ?? null,
  };
}

/** How much room an object takes: the radius of a circle around its position, and its top; metres. */
export function extentOf({ parts }: BuiltObject, [x, y, z]: Vector): { radius: number; height: number } {
  let radius = 0;
  let height = 0;
  for (const piece of parts) {
    const half = halfExtents(piece);
    const m = piece.rotation;
    const reach = (row: number): number =>
      Math.abs(m[row as 0]!) * half[0] +
      Math.abs(m[(row + 1) as 1]!) * half[1] +
      Math.abs(m[(row + 2) as 2]!) * half[2];
    const [rx, rz] = [reach(0), reach(6)];
    // The corner of a box turned against the axes sticks out less than its bounds' corner.
    const wide = piece.shape === "block" ? Math.hypot(rx, rz) * 0.94 : Math.max(rx, rz);
    radius = Math.max(radius, Math.hypot(piece.centre[0] - x, piece.centre[2] - z) + wide);
    height = Math.max(height, piece.centre[1] + reach(3) - y);
  }
  return { radius, height };
}
