import { ControlNetError, randomUniform } from "@controlnet-js/core";
import { project, viewOf } from "./camera.js";
import { COLOUR_NAMES, type ColourName } from "./colours.js";
import { POSES } from "./figure.js";
import { buildObject } from "./objects/build-object.js";
import { OBJECT_KINDS, type ObjectKind } from "./objects/kinds.js";
import { halfExtents } from "./parts.js";
import type { Camera, Scene, SceneObject } from "./scene.js";
import { SETTING_NAMES, SETTINGS } from "./settings.js";
import { add, transform, type Vector } from "./vector.js";

/** Scenes from this index on are kept out of every training set. */
export const HELD_OUT_START = 1_000_000;

/** Names a scene. */
export interface SceneKey {
  /** Chosen by the user: an integer in [0, 2^53). */
  seed: number;
  /** An integer in [0, 2^53). */
  index: number;
}

/** Kinds whose outline is so narrow that "small" and "big" would not show. */
const SLENDER: readonly ObjectKind[] = ["person", "snowman", "rocket", "lamp", "boat"];
const SECOND_KINDS: readonly ObjectKind[] = [
  "ball",
  "cube",
  "cone",
  "cylinder",
  "pyramid",
  "mushroom",
  "tree",
  "pine",
  "cup",
  "chair",
];

/**
 * The scene with this seed and index; the same for ever, whatever was asked before.
 * @throws ControlNetError `range` where seed or index is not an integer in [0, 2^53)
 */
export function sceneOf({ seed, index }: SceneKey): Scene {
  for (const [name, value] of [
    ["seed", seed],
    ["index", index],
  ] as const)
    if (!Number.isSafeInteger(value) || value < 0)
      throw new ControlNetError(
        "range",
        `sceneOf: expected ${name} to be an integer in [0, 2^53), got ${value}`,
      );
  const random = randomUniform({ seed, purpose: "tinyworld", index });
  const between = (low: number, high: number): number => low + (high - low) * random();
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

  const setting = pick(SETTING_NAMES);
  const place = SETTINGS[setting];
  const allowed = COLOUR_NAMES.filter((name) => !(place.without as readonly ColourName[]).includes(name));
  const kind = random() < 0.14 ? "person" : pick(OBJECT_KINDS);
  const colour = pick(allowed);
  const sizeRoll = random();
  const beside = random() < 0.25;
  const size =
    beside || SLENDER.includes(kind) ? null : sizeRoll < 0.14 ? "small" : sizeRoll < 0.28 ? "big" : null;
  const look = Array.from({ length: 6 }, random);
  const main: SceneObject = {
    kind,
    colour,
    position: [0, 0, 0],
    yaw: yawOf(kind, random()),
    scale: 1,
    pose: kind === "person" ? pick(POSES) : null,
    look,
  };
  const side = beside ? pick(["left", "right"] as const) : null;
  const objects = [main];
  if (side) {
    const secondKind = pick(SECOND_KINDS.filter((name) => name !== kind));
    const other: SceneObject = {
      kind: secondKind,
      colour: pick(allowed.filter((name) => name !== colour)),
      position: [0, 0, 0],
      yaw: yawOf(secondKind, random()),
      scale: between(0.5, 0.6),
      pose: null,
      look: Array.from({ length: 6 }, random),
    };
    const gap = between(0.08, 0.2);
    const reach = widthOf(main, side) + widthOf(other, side === "left" ? "right" : "left") + gap;
    objects.push({ ...other, position: [side === "left" ? -reach : reach, 0, between(-0.1, 0.35)] });
  }
  const pitch = between(0.1, 0.34);
  const target = side
    ? between(0.7, 0.78)
    : size === "small"
      ? between(0.4, 0.46)
      : size === "big"
        ? between(0.76, 0.84)
        : between(0.56, 0.7);
  const shift: Vector = [between(-0.07, 0.07), between(-0.03, 0.06), 0];
  const camera = frame(objects, pitch, target, shift);
  const azimuth = (random() < 0.5 ? -1 : 1) * between(0.35, 1.1);
  const height = place.sunHeight + between(-0.1, 0.1);
  const light: Vector = [
    Math.sin(azimuth) * Math.cos(height),
    Math.sin(height),
    Math.cos(azimuth) * Math.cos(height),
  ];
  return {
    seed,
    index,
    setting,
    camera,
    light,
    objects,
    size,
    side,
    variation: Array.from({ length: 8 }, random),
  };
}

function yawOf(kind: ObjectKind, roll: number): number {
  const turn = roll * 2 - 1;
  if (kind === "person" || kind === "snowman") return turn * 0.75;
  if (kind === "house" || kind === "chair") return turn * 0.85;
  if (kind === "ring") return turn * 0.9;
  if (kind === "boat") return turn * 0.7 + (turn < 0 ? Math.PI : 0);
  if (kind === "car") return turn * 0.7 + (turn < 0 ? Math.PI : 0);
  return turn * Math.PI;
}

/** Corners of the bounding boxes of all parts. */
function boundsOf(object: SceneObject): Vector[] {
  return buildObject(object).parts.flatMap((piece) => {
    const half = halfExtents(piece);
    // The corners of a round part's box stick out; those of a box do not.
    const share = piece.shape === "block" ? 1 : 0.92;
    return Array.from({ length: 8 }, (_, i) =>
      add(
        piece.centre,
        transform(piece.rotation, [
          half[0] * (i & 1 ? share : -share),
          half[1] * (i & 2 ? share : -share),
          half[2] * (i & 4 ? share : -share),
        ]),
      ),
    );
  });
}

function widthOf(object: SceneObject, side: "left" | "right"): number {
  const all = boundsOf(object).map((point) => point[0]);
  return side === "left" ? -Math.min(...all) : Math.max(...all);
}

/**
 * The camera that sees the objects' outline with a mean side (square root of width times height) of `target` image
 * sides, at most 0.93 wide or high, its centre moved by `shift` image sides.
 */
function frame(objects: readonly SceneObject[], pitch: number, target: number, shift: Vector): Camera {
  const points = objects.flatMap(boundsOf);
  const fieldOfView = 0.66;
  let position: Vector = [0, 2, 6];
  for (let round = 0; round < 14; round++) {
    const view = viewOf({ position, pitch, fieldOfView });
    const seen = points.map((point) => project(view, point, 1, 1));
    const [left, right] = [Math.min(...seen.map((p) => p.x)), Math.max(...seen.map((p) => p.x))];
    const [top, bottom] = [Math.min(...seen.map((p) => p.y)), Math.max(...seen.map((p) => p.y))];
    const depth = seen.reduce((sum, p) => sum + p.depth, 0) / seen.length;
    const size = Math.max(
      Math.sqrt((right - left) * (bottom - top)) / target,
      (right - left) / 0.93,
      (bottom - top) / 0.93,
    );
    const metres = 2 * view.tangent * depth;
    const room = Math.max(0, (0.97 - (right - left) / size) / 2);
    const sideways = Math.max(-room, Math.min(room, shift[0]));
    const roomY = Math.max(0, (0.97 - (bottom - top) / size) / 2);
    const down = Math.max(-roomY, Math.min(roomY, shift[1]));
    const moveX = ((left + right) / 2 - 0.5 - sideways) * metres;
    const moveY = -((top + bottom) / 2 - 0.5 - down) * metres;
    const back = depth * (size - 1);
    position = add(position, [
      moveX,
      view.up[1] * moveY - view.forward[1] * back,
      view.up[2] * moveY - view.forward[2] * back,
    ]);
  }
  return { position, pitch, fieldOfView };
}
