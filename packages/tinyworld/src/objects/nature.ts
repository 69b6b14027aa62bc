import { block, frustum, limb, type Part, sphere } from "../parts.js";
import { rotation, type Vector } from "../vector.js";

type Builder = (colour: Vector, look: readonly number[]) => Part[];

const bark: Vector = [112, 78, 52];

/** A round tree: the leaves have the colour, the trunk is brown. */
export const tree: Builder = (colour, look) => {
  const height = 0.55 + 0.2 * look[0]!;
  const turn = 6.28 * look[1]!;
  const leaves = (around: number, away: number, up: number, radius: number): Part =>
    sphere([away * Math.sin(turn + around), height + up, away * Math.cos(turn + around)], radius, colour, {
      gloss: 0.05,
    });
  return [
    frustum([0, 0, 0], [0, height + 0.4, 0], 0.17, 0.11, bark),
    leaves(0, 0.36, 0.38, 0.45),
    leaves(2.1, 0.36, 0.42, 0.47),
    leaves(4.2, 0.36, 0.36, 0.44),
    leaves(1, 0.06, 0.82, 0.5),
  ];
};

/** A conifer of three cones on a brown trunk. */
export const pine: Builder = (colour, look) => {
  const wide = 0.68 + 0.12 * look[0]!;
  return [
    frustum([0, 0, 0], [0, 0.5, 0], 0.15, 0.13, bark),
    frustum([0, 0.32, 0], [0, 1.02, 0], wide, 0.12, colour, { gloss: 0.05 }),
    frustum([0, 0.76, 0], [0, 1.42, 0], wide * 0.8, 0.08, colour, { gloss: 0.05 }),
    frustum([0, 1.18, 0], [0, 1.85, 0], wide * 0.6, 0, colour, { gloss: 0.05 }),
  ];
};

/** A snowman with a hat and a carrot, facing +z. */
export const snowman: Builder = (colour) => {
  const dark: Vector = colour[0] + colour[1] + colour[2] < 150 ? [225, 225, 225] : [38, 36, 40];
  const eye = (x: number): Part => sphere([x, 1.5, 0.245], 0.042, dark);
  return [
    sphere([0, 0.44, 0], [0.52, 0.47, 0.52], colour, { gloss: 0.12 }),
    sphere([0, 1.0, 0], 0.37, colour, { gloss: 0.12 }),
    sphere([0, 1.45, 0], 0.28, colour, { gloss: 0.12 }),
    frustum([0, 1.43, 0.24], [0, 1.41, 0.56], 0.06, 0, [238, 132, 44]),
    eye(-0.1),
    eye(0.1),
    sphere([0, 1.1, 0.36], 0.042, dark),
    sphere([0, 0.92, 0.36], 0.042, dark),
    limb([0.3, 1.08, 0], [0.72, 1.34, 0.05], 0.035, bark),
    limb([-0.3, 1.08, 0], [-0.72, 1.28, 0.05], 0.035, bark),
    frustum([0, 1.66, 0], [0, 1.69, 0], 0.27, 0.27, [52, 50, 58]),
    frustum([0, 1.68, 0], [0, 1.9, 0], 0.18, 0.18, [52, 50, 58]),
  ];
};

/** A rocket on grey fins. */
export const rocket: Builder = (colour, look) => {
  const height = 1.15 + 0.2 * look[0]!;
  const steel: Vector = [92, 94, 104];
  const fin = (around: number): Part =>
    block([0.42 * Math.sin(around), 0.3, 0.42 * Math.cos(around)], [0.04, 0.3, 0.24], steel, {
      rotation: rotation("y", around),
      taper: [1, 0.25],
    });
  return [
    frustum([0, 0.06, 0], [0, 0.22, 0], 0.26, 0.2, [62, 62, 70]),
    frustum([0, 0.2, 0], [0, 0.55, 0], 0.33, 0.42, colour, { gloss: 0.4 }),
    frustum([0, 0.55, 0], [0, height, 0], 0.42, 0.38, colour, { gloss: 0.4 }),
    frustum([0, height, 0], [0, height + 0.55, 0], 0.38, 0, colour, { gloss: 0.4 }),
    sphere([0, height - 0.18, 0.37], [0.16, 0.16, 0.06], [176, 218, 236], { gloss: 0.6 }),
    fin(1.05),
    fin(3.14),
    fin(5.24),
  ];
};
