import { block, dome, frustum, type Part, sphere, torus } from "../parts.js";
import type { Vector } from "../vector.js";

type Builder = (colour: Vector, look: readonly number[]) => Part[];

const shade = (colour: Vector, k: number): Vector => [colour[0] * k, colour[1] * k, colour[2] * k];

/** A ball, radius 0.7 m. */
export const ball: Builder = (colour) => [sphere([0, 0.7, 0], 0.7, colour, { gloss: 0.5 })];

/** A cube, edge 1.16 m. */
export const cube: Builder = (colour) => [block([0, 0.58, 0], [0.58, 0.58, 0.58], colour, { gloss: 0.1 })];

/** A cone that stands on its base. */
export const cone: Builder = (colour, look) => [
  frustum([0, 0, 0], [0, 1.35 + 0.35 * look[0]!, 0], 0.72, 0, colour, { gloss: 0.25 }),
];

/** An upright cylinder. */
export const cylinder: Builder = (colour, look) => [
  frustum([0, 0, 0], [0, 1.1 + 0.4 * look[0]!, 0], 0.56, 0.56, colour, { gloss: 0.25 }),
];

/** A pyramid on a square base. */
export const pyramid: Builder = (colour, look) => [
  block([0, 0.55 + 0.15 * look[0]!, 0], [0.8, 0.55 + 0.15 * look[0]!, 0.8], colour, {
    taper: [0, 0],
    gloss: 0.08,
  }),
];

/** A ring that stands upright and faces +z. */
export const ring: Builder = (colour, look) => [
  torus([0, 0.78, 0], [0, 0, 1], 0.55, 0.21 + 0.05 * look[0]!, colour, { gloss: 0.5 }),
];

/** A cup with its handle at +x. */
export const cup: Builder = (colour, look) => {
  const height = 1.05 + 0.25 * look[0]!;
  return [
    torus([0.6, height * 0.52, 0], [0, 0, 1], 0.29, 0.085, colour, { gloss: 0.4 }),
    frustum([0, 0, 0], [0, height, 0], 0.46, 0.6, colour, { gloss: 0.4 }),
    torus([0, height, 0], [0, 1, 0], 0.565, 0.045, colour, { gloss: 0.4 }),
    frustum([0, height, 0], [0, height + 0.012, 0], 0.53, 0.53, shade(colour, 0.45)),
  ];
};

/** A mushroom: the cap has the colour, the stem and the dots are cream. */
export const mushroom: Builder = (colour, look) => {
  const height = 0.62 + 0.2 * look[0]!;
  const dots: [number, number][] = [
    [0, 0.25],
    [1.25, 0.95],
    [2.5, 0.85],
    [3.8, 1.0],
    [5.1, 0.9],
    [0.2, 1.15],
  ];
  return [
    frustum([0, 0, 0], [0, height + 0.1, 0], 0.32, 0.24, [238, 226, 202]),
    dome([0, height, 0], [0.85, 0.72, 0.85], colour, { gloss: 0.35 }),
    ...dots.map(([around, down]) =>
      sphere(
        [
          0.85 * Math.sin(down) * Math.sin(around),
          height + 0.72 * Math.cos(down),
          0.85 * Math.sin(down) * Math.cos(around),
        ],
        0.105,
        [246, 240, 228],
      ),
    ),
  ];
};
