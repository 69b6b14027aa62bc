import {
  add,
  identity,
  length,
  type Matrix,
  multiply,
  rotation,
  rotationFromY,
  scaleBy,
  subtract,
  transform,
  type Vector,
} from "./vector.js";

/**
 * What a part looks like in its own coordinates, before `scale`:
 * - `sphere`: radius 1; `dome`: its upper half with a flat bottom
 * - `block`: [-1, 1]^3, whose top face is `taper` times as wide (x) and deep (z): box, gable roof, pyramid
 * - `frustum`: y in [-1, 1], radius 1 at the bottom and `taper[0]` at the top: cylinder, cone
 * - `capsule`: radius 1 around the y axis from `-taper[0]` to `taper[0]`
 * - `torus`: around the y axis, radius 1, tube radius `taper[0]`
 */
export type ShapeName = "sphere" | "dome" | "block" | "frustum" | "capsule" | "torus";

/** One solid piece of an object. */
export interface Part {
  shape: ShapeName;
  taper: readonly [number, number];
  centre: Vector;
  rotation: Matrix;
  /** Half extents along the part's own axes, metres. */
  scale: Vector;
  /** sRGB, 0-255. */
  colour: Vector;
  /** Strength of the highlight, 0-1. */
  gloss: number;
  /** Light of its own, as a share of `colour`, 0-1. */
  glow: number;
}

/** What most parts leave as it is. */
export interface PartOptions {
  rotation?: Matrix;
  gloss?: number;
  glow?: number;
}

function part(
  shape: ShapeName,
  taper: readonly [number, number],
  centre: Vector,
  scale: Vector,
  colour: Vector,
  options: PartOptions = {},
): Part {
  const { rotation = identity, gloss = 0.15, glow = 0 } = options;
  return { shape, taper, centre, scale, colour, rotation, gloss, glow };
}

/** An ellipsoid with the semi-axes `radii`. */
export const sphere = (centre: Vector, radii: number | Vector, colour: Vector, options?: PartOptions): Part =>
  part("sphere", [0, 0], centre, typeof radii === "number" ? [radii, radii, radii] : radii, colour, options);

/** The upper half of an ellipsoid; `centre` lies in its flat bottom. */
export const dome = (centre: Vector, radii: Vector, colour: Vector, options?: PartOptions): Part =>
  part("dome", [0, 0], centre, radii, colour, options);

/** A box with half extents `half`; `taper` shrinks its top face (0 to 1) in x and z. */
export const block = (
  centre: Vector,
  half: Vector,
  colour: Vector,
  options?: PartOptions & { taper?: readonly [number, number] },
): Part => part("block", options?.taper ?? [1, 1], centre, half, colour, options);

/** A cylinder or cone from the point `bottom` to `top`. */
export function frustum(
  bottom: Vector,
  top: Vector,
  bottomRadius: number,
  topRadius: number,
  colour: Vector,
  options?: PartOptions,
): Part {
  const axis = subtract(top, bottom);
  const size = length(axis);
  return part(
    "frustum",
    [topRadius / bottomRadius, 0],
    scaleBy(add(bottom, top), 0.5),
    [bottomRadius, size / 2, bottomRadius],
    colour,
    { ...options, rotation: rotationFromY(scaleBy(axis, 1 / size)) },
  );
}

/** A rod with round ends from the point `a` to `b`. */
export function limb(a: Vector, b: Vector, radius: number, colour: Vector, options?: PartOptions): Part {
  const axis = subtract(b, a);
  const size = length(axis);
  return part("capsule", [size / 2 / radius, 0], scaleBy(add(a, b), 0.5), [radius, radius, radius], colour, {
    ...options,
    rotation: rotationFromY(scaleBy(axis, 1 / size)),
  });
}

/** A ring around `axis` (unit vector). */
export const torus = (
  centre: Vector,
  axis: Vector,
  radius: number,
  tube: number,
  colour: Vector,
  options?: PartOptions,
): Part =>
  part("torus", [tube / radius, 0], centre, [radius, radius, radius], colour, {
    ...options,
    rotation: rotationFromY(axis),
  });

/** Where an object stands: its local origin, on the ground, moved to `position`. */
export interface Placement {
  position: Vector;
  /** Radians about the vertical axis. */
  yaw: number;
  scale: number;
}

/** A point of an object's own coordinates in the world. */
export const placePoint = (point: Vector, { position, yaw, scale }: Placement): Vector =>
  add(position, scaleBy(transform(rotation("y", yaw), point), scale));

/** A part of an object's own coordinates in the world. */
export const placePart = (piece: Part, placement: Placement): Part => ({
  ...piece,
  centre: placePoint(piece.centre, placement),
  rotation: multiply(rotation("y", placement.yaw), piece.rotation),
  scale: scaleBy(piece.scale, placement.scale),
});

/** The eight corners of a block in the world; bit 0 of the position is +x, bit 1 +y (the tapered face), bit 2 +z. */
export function blockCorners(piece: Part): Vector[] {
  return Array.from({ length: 8 }, (_, i) => {
    const top = (i & 2) !== 0;
    const local: Vector = [
      piece.scale[0] * (i & 1 ? 1 : -1) * (top ? piece.taper[0] : 1),
      piece.scale[1] * (top ? 1 : -1),
      piece.scale[2] * (i & 4 ? 1 : -1) * (top ? piece.taper[1] : 1),
    ];
    return add(piece.centre, transform(piece.rotation, local));
  });
}

/** Half extents of a part's bounding box along its own axes, metres. */
export function halfExtents({ shape, taper, scale }: Part): Vector {
  if (shape === "capsule") return [scale[0], scale[1] * (1 + taper[0]), scale[2]];
  if (shape === "torus") return [scale[0] * (1 + taper[0]), scale[1] * taper[0], scale[2] * (1 + taper[0])];
  if (shape === "frustum")
    return [scale[0] * Math.max(1, taper[0]), scale[1], scale[2] * Math.max(1, taper[0])];
  return scale;
}
