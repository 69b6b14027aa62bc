/** A point or direction: x to the right, y up, z towards the viewer; metres. */
export type Vector = readonly [x: number, y: number, z: number];

/** A 3x3 matrix, row by row. */
export type Matrix = readonly [number, number, number, number, number, number, number, number, number];

/** The sum of two vectors. */
export const add = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
/** The vector from `b` to `a`. */
export const subtract = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
/** `a`, `s` times as long. */
export const scaleBy = (a: Vector, s: number): Vector => [a[0] * s, a[1] * s, a[2] * s];
/** The scalar product. */
export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
/** Euclidean length. */
export const length = (a: Vector): number => Math.sqrt(dot(a, a));
/** The unit vector in the direction of `a`, which must not be zero. */
export const normalize = (a: Vector): Vector => scaleBy(a, 1 / length(a));
/** The point at share `t` of the way from `a` to `b`. */
export const mix = (a: Vector, b: Vector, t: number): Vector => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];
/** The vector product. */
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** The matrix that changes nothing. */
export const identity: Matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/** The matrix `m` times the vector `v`. */
export const transform = (m: Matrix, v: Vector): Vector => [
  m[0] * v[0] + m[1] * v[1] + m[2] * v[2],
  m[3] * v[0] + m[4] * v[1] + m[5] * v[2],
  m[6] * v[0] + m[7] * v[1] + m[8] * v[2],
];

/** The matrix product `a b`. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const column = (j: 0 | 1 | 2): Vector => transform(a, [b[j], b[(j + 3) as 3], b[(j + 6) as 6]]);
  const [x, y, z] = [column(0), column(1), column(2)];
  return [x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]];
}

/** Turns about the x, y or z axis by `angle` radians, counter-clockwise seen from the axis' tip. */
export function rotation(axis: "x" | "y" | "z", angle: number): Matrix {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  if (axis === "x") return [1, 0, 0, 0, c, -s, 0, s, c];
  if (axis === "y") return [c, 0, s, 0, 1, 0, -s, 0, c];
  return [c, -s, 0, s, c, 0, 0, 0, 1];
}

/** A rotation that takes the y axis to the unit vector `direction`. */
export function rotationFromY(direction: Vector): Matrix {
  const helper: Vector = Math.abs(direction[0]) < 0.9 ? [1, 0, 0] : [0, 0, 1];
  const z = normalize(cross(helper, direction));
  const x = cross(direction, z);
  return [x[0], direction[0], z[0], x[1], direction[1], z[1], x[2], direction[2], z[2]];
}
