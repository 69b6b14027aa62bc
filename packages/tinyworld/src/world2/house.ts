import { block, frustum, type Part } from "../parts.js";
import { rotation, type Vector } from "../vector.js";

const bright = (colour: Vector): number => (0.3 * colour[0] + 0.6 * colour[1] + 0.1 * colour[2]) / 255;
const glass: Vector = [122, 152, 176];
const lit: Vector = [250, 214, 130];

/** A house with doors and windows at places of its own: one or two floors, a gable, a hipped or a flat roof. */
export function houseOf(colour: Vector, look: readonly number[], night: boolean): Part[] {
  const floors = look[1]! < 0.35 ? 2 : 1;
  const half: Vector = [
    0.62 + 0.4 * look[0]!,
    floors === 1 ? 0.5 + 0.1 * look[2]! : 0.84,
    0.5 + 0.2 * look[3]!,
  ];
  const top = 2 * half[1];
  const roof: Vector = bright(colour) < 0.3 ? [196, 190, 182] : [80, 74, 80];
  const trim: Vector = bright(colour) > 0.75 ? [96, 84, 76] : [244, 238, 226];
  const wood: Vector = look[4]! < 0.5 ? [134, 96, 62] : [92, 74, 66];
  const parts: Part[] = [block([0, half[1], 0], half, colour, { gloss: 0.04 })];
  const rise = 0.22 + 0.16 * look[5]!;
  if (look[6]! < 0.6)
    parts.push(
      // The gable's ridge runs along x: the prism is turned a quarter, so its x is the house's depth.
      block([0, top + rise, 0], [half[2] + 0.1, rise, half[0] + 0.08], roof, {
        taper: [0, 1],
        rotation: rotation("y", Math.PI / 2),
        gloss: 0.04,
      }),
    );
  else if (look[6]! < 0.85)
    parts.push(
      block([0, top + rise, 0], [half[0] + 0.1, rise, half[2] + 0.1], roof, { taper: [0.3, 0], gloss: 0.04 }),
    );
  else parts.push(block([0, top + 0.05, 0], [half[0] + 0.07, 0.06, half[2] + 0.07], roof, { gloss: 0.04 }));
  if (look[7]! < 0.6 && look[6]! < 0.85)
    parts.push(
      block(
        [half[0] * (look[7]! < 0.3 ? 0.45 : -0.45), top + 1.7 * rise, -0.12],
        [0.09, 0.26, 0.09],
        colour,
        {
          gloss: 0.04,
        },
      ),
    );
  let next = 8;
  const draw = (): number => look[next++ % look.length]!;
  /** A frame and a pane on the front (side 0), back, right or left wall. */
  const onWall = (
    side: number,
    along: number,
    up: number,
    wide: number,
    high: number,
    pane: Vector,
    glow = 0,
  ): void => {
    const turn = rotation("y", [0, Math.PI, Math.PI / 2, -Math.PI / 2][side]!);
    const away = side < 2 ? half[2] : half[0];
    for (const [w, h, d, c] of [
      [wide, high, 0.025, trim],
      [wide - 0.035, high - 0.035, 0.035, pane],
    ] as const) {
      const centre: Vector = [turn[0] * along + turn[2] * away, up, turn[6] * along + turn[8] * away];
      parts.push(
        block(centre, [w, h, d], c, {
          rotation: turn,
          gloss: c === pane ? 0.4 : 0.1,
          glow: c === pane ? glow : 0,
        }),
      );
    }
  };
  const door = (draw() - 0.5) * 2 * (half[0] - 0.24);
  onWall(0, door, 0.3, 0.14, 0.3, wood);
  for (const side of [0, 1, 2, 3])
    for (let floor = 0; floor < floors; floor++) {
      const width = side < 2 ? half[0] : half[2];
      const up = floors === 1 ? half[1] * 1.12 : floor === 0 ? 0.48 : 1.24;
      const [count, shift, wide, high] = [
        1 + Math.floor(draw() * (width > 0.75 ? 3 : 2)),
        draw(),
        draw(),
        draw(),
      ];
      const slot = (2 * width) / count;
      for (let i = 0; i < count; i++) {
        const along = -width + slot * (i + 0.5) + (shift - 0.5) * 0.5 * (slot - 0.36);
        const size = 0.1 + 0.06 * wide;
        if (side === 0 && floor === 0 && Math.abs(along - door) < 0.17 + size) continue;
        onWall(
          side,
          along,
          up,
          size,
          0.13 + 0.06 * high,
          night && draw() < 0.6 ? lit : glass,
          night ? 0.5 : 0,
        );
      }
    }
  return parts;
}

/** A sofa that faces +z. */
export function sofaOf(colour: Vector, look: readonly number[]): Part[] {
  const wide = 0.8 + 0.35 * look[0]!;
  const dark: Vector = [colour[0] * 0.86, colour[1] * 0.86, colour[2] * 0.86];
  const foot = (x: number, z: number): Part => frustum([x, 0, z], [x, 0.12, z], 0.05, 0.06, [92, 68, 48]);
  return [
    block([0, 0.26, 0], [wide, 0.16, 0.42], colour, { gloss: 0.05 }),
    block([-wide / 2, 0.47, 0.06], [wide / 2 - 0.03, 0.08, 0.36], dark, { gloss: 0.05 }),
    block([wide / 2, 0.47, 0.06], [wide / 2 - 0.03, 0.08, 0.36], dark, { gloss: 0.05 }),
    block([0, 0.66, -0.36], [wide, 0.36, 0.13], colour, { gloss: 0.05 }),
    block([-wide - 0.08, 0.42, 0], [0.13, 0.32, 0.46], colour, { gloss: 0.05 }),
    block([wide + 0.08, 0.42, 0], [0.13, 0.32, 0.46], colour, { gloss: 0.05 }),
    foot(-wide, 0.34),
    foot(wide, 0.34),
    foot(-wide, -0.34),
    foot(wide, -0.34),
  ];
}
