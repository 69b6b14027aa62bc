import type { ColourName } from "./colours.js";
import type { PoseName } from "./figure.js";
import type { ObjectKind } from "./objects/kinds.js";
import type { SettingName } from "./settings.js";
import type { Vector } from "./vector.js";

/** An object of a scene, in words and numbers. */
export interface SceneObject {
  kind: ObjectKind;
  colour: ColourName;
  /** Where it stands, on the ground (y = 0). */
  position: Vector;
  /** Radians about the vertical axis; 0 faces the viewer. */
  yaw: number;
  scale: number;
  /** How a person stands; null for everything else. */
  pose: PoseName | null;
  /** Numbers in [0, 1) that set proportions and details. */
  look: readonly number[];
}

/** Where the picture is taken from. It looks towards -z, turned by `yaw` and down by `pitch`. */
export interface Camera {
  position: Vector;
  /** Radians below the horizon. */
  pitch: number;
  /** Radians to the left about the vertical axis; 0 if left out. */
  yaw?: number;
  /** Radians about the view axis, the camera's top to its left; 0 if left out. */
  roll?: number;
  /** Vertical and horizontal field of view, radians. */
  fieldOfView: number;
}

/** A word for an unusual size of the main object. */
export type SizeWord = "small" | "big";

/** Everything there is in a picture; plain data. */
export interface Scene {
  seed: number;
  index: number;
  setting: SettingName;
  camera: Camera;
  /** Unit vector towards the sun or lamp. */
  light: Vector;
  /** The main object, then at most one smaller one beside it. */
  objects: SceneObject[];
  size: SizeWord | null;
  /** The side of the second object, seen from the camera. */
  side: "left" | "right" | null;
  /** Numbers in [0, 1): hills, clouds, ground and the phrasing of the caption. */
  variation: readonly number[];
}
