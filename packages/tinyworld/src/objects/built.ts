import { block, frustum, limb, type Part, sphere } from "../parts.js";
import { rotation, type Vector } from "../vector.js";

type Builder = (colour: Vector, look: readonly number[]) => Part[];

const bright = (colour: Vector): number => (0.3 * colour[0] + 0.6 * colour[1] + 0.1 * colour[2]) / 255;
const wood: Vector = [134, 96, 62];
const glass: Vector = [122, 152, 176];

/** A house: walls and chimney have the colour; the door is at +z, the ridge runs along x. */
export const house: Builder = (colour, look) => {
  const half: Vector = [0.78 + 0.15 * look[0]!, 0.52 + 0.12 * look[1]!, 0.62];
  const top = 2 * half[1];
  const rise = 0.26 + 0.1 * look[2]!;
  const roof: Vector = bright(colour) < 0.3 ? [196, 190, 182] : [80, 74, 80];
  const trim: Vector = bright(colour) > 0.75 ? [96, 84, 76] : [244, 238, 226];
  const door = half[0] * (look[3]! < 0.5 ? -0.42 : 0.42);
  const window = (centre: Vector, wide: Vector): Part[] => [
    block(centre, wide, trim),
    block(
      [
        centre[0] + Math.sign(centre[0]) * (wide[0] < 0.05 ? 0.012 : 0),
        centre[1],
        centre[2] + (wide[2] < 0.05 ? 0.012 : 0),
      ],
      [wide[0] < 0.05 ? 0.03 : wide[0] - 0.04, wide[1] - 0.04, wide[2] < 0.05 ? 0.03 : wide[2] - 0.04],
      glass,
      { gloss: 0.4 },
    ),
  ];
  return [
    block([0, half[1], 0], half, colour, { gloss: 0.04 }),
    // The gable's ridge runs along x: the prism is turned a quarter, so its x is the house's depth.
    block([0, top + rise, 0], [half[2] + 0.1, rise, half[0] + 0.08], roof, {
      taper: [0, 1],
      rotation: rotation("y", Math.PI / 2),
      gloss: 0.04,
    }),
    block([half[0] * 0.45, top + 2 * rise - 0.06, -0.12], [0.1, 0.24, 0.1], colour, { gloss: 0.04 }),
    block([door, 0.33, half[2]], [0.16, 0.33, 0.03], trim),
    block([door, 0.31, half[2] + 0.012], [0.12, 0.29, 0.03], wood),
    ...window([-door, half[1] * 1.1, half[2]], [0.2, 0.2, 0.03]),
    ...window([half[0], half[1] * 1.1, 0], [0.03, 0.2, 0.2]),
    ...window([-half[0], half[1] * 1.1, 0], [0.03, 0.2, 0.2]),
  ];
};

/** A car that drives towards +x. */
export const car: Builder = (colour, look) => {
  const length = 1.0 + 0.12 * look[0]!;
  const tyre: Vector = [44, 44, 50];
  const wheels = [-0.6, 0.6].flatMap((along) =>
    [-1, 1].flatMap((side) => [
      frustum([along * length, 0.24, side * 0.32], [along * length, 0.24, side * 0.53], 0.24, 0.24, tyre),
      frustum(
        [along * length, 0.24, side * 0.53],
        [along * length, 0.24, side * 0.545],
        0.12,
        0.12,
        [190, 192, 198],
      ),
    ]),
  );
  const pane: Vector = [92, 118, 140];
  return [
    block([0, 0.42, 0], [length, 0.24, 0.5], colour, { taper: [0.95, 0.94], gloss: 0.45 }),
    block([-0.08, 0.84, 0], [0.62, 0.2, 0.45], pane, { taper: [0.68, 0.84], gloss: 0.5 }),
    block([-0.08, 1.05, 0], [0.46, 0.05, 0.4], colour, { taper: [0.9, 0.9], gloss: 0.45 }),
    block([-0.06, 0.84, 0], [0.06, 0.205, 0.455], colour, { taper: [1, 0.84], gloss: 0.3 }),
    ...wheels,
    sphere([length * 0.98, 0.46, 0.3], 0.09, [250, 240, 200], { glow: 0.3 }),
    sphere([length * 0.98, 0.46, -0.3], 0.09, [250, 240, 200], { glow: 0.3 }),
  ];
};

/** A sailing boat, bow at +x; hull and sails have the colour. */
export const boat: Builder = (colour, look) => {
  const mast = 1.75 + 0.2 * look[0]!;
  return [
    block([0, 0.24, 0], [0.62, 0.24, 0.3], colour, {
      rotation: rotation("x", Math.PI),
      taper: [0.72, 0.6],
      gloss: 0.3,
    }),
    block([0.72, 0.24, 0], [0.28, 0.24, 0.3], colour, {
      rotation: rotation("x", Math.PI),
      taper: [0.35, 0.25],
      gloss: 0.3,
    }),
    block([0.05, 0.485, 0], [0.62, 0.015, 0.24], wood),
    limb([0.1, 0.4, 0], [0.1, mast, 0], 0.04, wood),
    block([-0.27, (mast + 0.6) / 2, 0], [0.34, (mast - 0.7) / 2, 0.03], colour, {
      taper: [0.04, 1],
      gloss: 0.05,
    }),
    block([0.42, (mast + 0.45) / 2, 0], [0.28, (mast - 0.8) / 2, 0.03], colour, {
      taper: [0.04, 1],
      gloss: 0.05,
    }),
  ];
};

/** A table on four legs. */
export const table: Builder = (colour, look) => {
  const [x, z, y] = [0.82 + 0.12 * look[0]!, 0.58, 0.84];
  const leg = (sx: number, sz: number): Part =>
    block([sx * (x - 0.13), y / 2, sz * (z - 0.13)], [0.095, y / 2, 0.095], colour);
  return [block([0, y + 0.08, 0], [x, 0.1, z], colour), leg(-1, -1), leg(1, -1), leg(-1, 1), leg(1, 1)];
};

/** A chair that faces +z. */
export const chair: Builder = (colour, look) => {
  const back = 0.5 + 0.12 * look[0]!;
  const leg = (sx: number, sz: number): Part =>
    block([sx * 0.4, 0.29, sz * 0.4], [0.085, 0.29, 0.085], colour);
  return [
    block([0, 0.65, 0], [0.5, 0.08, 0.5], colour),
    block([0, 0.7 + back, -0.42], [0.5, back, 0.08], colour),
    leg(-1, -1),
    leg(1, -1),
    leg(-1, 1),
    leg(1, 1),
  ];
};

/** A lamp with a wide shade, foot to shade in one colour. */
export const lamp: Builder = (colour, look) => {
  const height = 0.85 + 0.2 * look[0]!;
  return [
    frustum([0, 0, 0], [0, 0.12, 0], 0.44, 0.36, colour, { gloss: 0.3 }),
    limb([0, 0.1, 0], [0, height + 0.2, 0], 0.075, colour, { gloss: 0.3 }),
    sphere([0, height + 0.06, 0], 0.17, [255, 244, 206], { glow: 0.8 }),
    frustum([0, height, 0], [0, height + 0.66, 0], 0.66, 0.34, colour, { gloss: 0.1 }),
  ];
};
