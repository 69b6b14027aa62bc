import type { ColourName } from "../colours.js";
import { BUILDERS, type ObjectKind } from "../objects/kinds.js";
import type { Camera } from "../scene.js";
import type { Vector } from "../vector.js";
import type { Action } from "./actions.js";
import type { PlaceName, TimeName } from "./places.js";

/** What an object of world 2 can be. */
export type Kind2 = ObjectKind | "sofa" | "dog" | "horse";

/** Every kind of object of world 2. */
export const KINDS2: readonly Kind2[] = [
  ...(Object.keys(BUILDERS) as ObjectKind[]),
  "sofa",
  "person",
  "dog",
  "horse",
];

/** How a scene is drawn. */
export const STYLES = ["plain", "pencil"] as const;
/** A style's name. */
export type StyleName = (typeof STYLES)[number];

/** What a caption says of an object. */
export interface Thing {
  kind: Kind2;
  colour: ColourName;
  /** What a person or an animal does, or null where the caption is silent about it. */
  action: Action | null;
}

/** How the second object stands to the first. */
export type Relation = "next to" | "on";

/** All that a caption says; where things are is no part of it. */
export interface Content {
  place: PlaceName;
  time: TimeName;
  style: StyleName;
  /** One to four; the first is the main one. */
  things: Thing[];
  /** Of the first thing to the second. */
  relation: Relation | null;
  /** A number in [0, 1) that chooses the caption's wording. */
  phrasing: number;
}

/** An object of a scene, in words and numbers. */
export interface SceneObject2 extends Thing {
  /** Where it stands: on the ground (y = 0), or on another object. */
  position: Vector;
  /** Radians about the vertical axis; 0 faces +z. */
  yaw: number;
  scale: number;
  /** {@link LOOK_SIZE} numbers in [0, 1) that set proportions, details and the pose. */
  look: readonly number[];
}

/** How many numbers an object's look has: 8 of its shape, the rest of its pose. */
export const LOOK_SIZE = 32;

/** A room around the objects: a box turned by `yaw`. Metres; the sides are those of its own axes. */
export interface Room {
  yaw: number;
  left: number;
  right: number;
  back: number;
  front: number;
  height: number;
  /** Numbers in [0, 1): windows, doors, pictures and furniture. */
  variation: readonly number[];
}

/** Everything there is in a picture; plain data. */
export interface Scene2 extends Content {
  world: 2;
  seed: number;
  index: number;
  camera: Camera;
  /** Unit vector towards the sun, moon or lamp. */
  light: Vector;
  objects: SceneObject2[];
  room: Room | null;
  /** Numbers in [0, 1): hills, clouds and ground. */
  variation: readonly number[];
}
