import { type Solid, solidOf } from "../intersect.js";
import { block, type Part } from "../parts.js";
import { add, multiply, rotation, transform, type Vector } from "../vector.js";
import type { Room, SceneObject2 } from "./scene.js";
import { CEILING, DOOR, FURNITURE, WALL, WINDOW } from "./surfaces.js";

/** A part of a room and the surface that it belongs to. */
export interface RoomPart {
  part: Part;
  surface: number;
}

const PAINTS: Vector[] = [
  [226, 224, 208],
  [214, 222, 226],
  [226, 214, 196],
  [208, 218, 204],
  [222, 208, 214],
];
const frame: Vector = [150, 116, 84];
const skirting: Vector = [248, 246, 240];
const panes: Vector = [176, 208, 228];
const woods: Vector[] = [
  [150, 112, 78],
  [122, 86, 60],
  [176, 140, 102],
];

/** Radius around an object that furniture keeps clear of, metres. */
const CLEAR = 0.75;

/** Walls, ceiling, windows, doors, pictures and unnamed furniture of a room. */
export function roomParts({ variation, ...room }: Room, objects: readonly SceneObject2[]): RoomPart[] {
  const turn = rotation("y", room.yaw);
  const { left, right, back, front, height } = room;
  const [midX, midZ] = [(left + right) / 2, (back + front) / 2];
  const [wide, deep] = [(right - left) / 2, (front - back) / 2];
  const parts: RoomPart[] = [];
  let next = 0;
  const draw = (): number => variation[next++ % variation.length]!;
  const put = (
    surface: number,
    centre: Vector,
    half: Vector,
    colour: Vector,
    own = 0,
    gloss = 0.05,
    glow = 0,
  ): void => {
    const part = block(transform(turn, centre), half, colour, {
      rotation: multiply(turn, rotation("y", own)),
      gloss,
      glow,
    });
    parts.push({ part, surface });
  };
  const paint = PAINTS[Math.floor(draw() * PAINTS.length)]!;
  const thick = 0.1;
  put(CEILING, [midX, height + thick, midZ], [wide + 1, thick, deep + 1], [238, 236, 230], 0, 0, 0.4);
  const wood = woods[Math.floor(draw() * woods.length)]!;
  // Each wall: where it is, how it is turned, and half its width. The front one, behind the camera, stays bare.
  const walls: { centre: Vector; yaw: number; half: number }[] = [
    { centre: [midX, 0, back], yaw: 0, half: wide },
    { centre: [left, 0, midZ], yaw: Math.PI / 2, half: deep },
    { centre: [right, 0, midZ], yaw: -Math.PI / 2, half: deep },
  ];
  put(WALL, [midX, height / 2, front + thick], [wide + 0.2, height / 2, thick], paint);
  for (const { centre, yaw, half } of walls) {
    const own = rotation("y", yaw);
    /** Puts a block against the wall: metres along it, up and off it. */
    const hang = (
      surface: number,
      along: number,
      up: number,
      off: number,
      size: Vector,
      colour: Vector,
      gloss = 0.05,
    ): void => put(surface, add(centre, transform(own, [along, up, off])), size, colour, yaw, gloss);
    hang(WALL, 0, height / 2, -thick, [half + 0.2, height / 2, thick], paint);
    hang(WALL, 0, 0.07, 0, [half, 0.07, 0.02], skirting);
    const slots = Math.max(1, Math.min(4, Math.floor((2 * half) / 1.7)));
    for (let i = 0; i < slots; i++) {
      const slot = (2 * half) / slots;
      const along = -half + slot * (i + 0.5) + (draw() - 0.5) * Math.max(0, slot - 1.4);
      const what = draw();
      const [w, h] = [draw(), draw()];
      if (what < 0.34) {
        const size: Vector = [0.36 + 0.22 * w, 0.4 + 0.25 * h, 0.03];
        const up = Math.min(1.5, height - size[1] - 0.15);
        hang(WINDOW, along, up, 0, size, frame);
        for (const side of [-1, 1])
          hang(
            WINDOW,
            along + side * size[0] * 0.48,
            up,
            0.01,
            [size[0] * 0.42, size[1] - 0.06, 0.03],
            panes,
            0.4,
          );
      } else if (what < 0.5) {
        hang(DOOR, along, 0.98, 0, [0.46, 0.98, 0.035], frame);
        hang(DOOR, along, 0.95, 0.012, [0.38, 0.92, 0.035], wood);
        hang(DOOR, along + 0.3, 0.92, 0.06, [0.03, 0.03, 0.03], [206, 196, 150], 0.5);
      } else if (what < 0.64) {
        const size: Vector = [0.24 + 0.2 * w, 0.2 + 0.16 * h, 0.02];
        hang(FURNITURE, along, 1.45, 0.01, size, [96, 84, 76]);
        hang(
          FURNITURE,
          along,
          1.45,
          0.02,
          [size[0] - 0.04, size[1] - 0.04, 0.02],
          [120 + 90 * w, 130 + 70 * h, 170],
        );
      } else if (what < 0.86) {
        const [shelves, shelfHeight] = [2 + Math.floor(3 * w), 0.5 + 0.75 * h];
        const at = transform(turn, add(centre, transform(own, [along, 0, 0.2])));
        if (objects.some(({ position: [x, , z] }) => Math.hypot(x - at[0], z - at[2]) < CLEAR + 0.45))
          continue;
        if (what < 0.74) {
          hang(FURNITURE, along, shelfHeight, 0.17, [0.44, shelfHeight, 0.16], wood);
          for (let j = 0; j < shelves; j++) {
            const step = (2 * shelfHeight) / shelves;
            hang(FURNITURE, along, step * (j + 0.5), 0.19, [0.39, step / 2 - 0.04, 0.16], [88, 66, 52]);
          }
        } else {
          hang(FURNITURE, along, 0.42, 0.22, [0.55, 0.4, 0.22], wood);
          hang(
            FURNITURE,
            along - 0.27,
            0.42,
            0.25,
            [0.24, 0.32, 0.205],
            [wood[0] * 0.88, wood[1] * 0.88, wood[2] * 0.88],
          );
          hang(
            FURNITURE,
            along + 0.27,
            0.42,
            0.25,
            [0.24, 0.32, 0.205],
            [wood[0] * 0.88, wood[1] * 0.88, wood[2] * 0.88],
          );
        }
      }
    }
  }
  if (draw() < 0.5) {
    const rug: Vector = [[178, 120, 110] as const, [120, 132, 160] as const, [140, 152, 120] as const][
      Math.floor(draw() * 3)
    ]!;
    const [x, z] = [midX + (draw() - 0.5) * wide, midZ + (draw() - 0.5) * deep];
    put(FURNITURE, [x, 0, z], [0.7 + 0.5 * draw(), 0.012, 0.5 + 0.4 * draw()], rug, draw() * 0.6 - 0.3);
  }
  return parts;
}

/** A room's parts, compiled for rays. */
export const roomSolids = (parts: readonly RoomPart[]): Solid[] =>
  parts.map(({ part, surface }) => solidOf(part, surface));
