import { ControlNetError, randomUniform } from "@controlnet-js/core";
import type { Vector } from "../vector.js";
import { contentOf } from "./content.js";
import { cameraFrom, layOut } from "./layout.js";
import { lightHeights } from "./places.js";
import { type Content, LOOK_SIZE, type Scene2, type StyleName } from "./scene.js";

/** Names a scene of world 2. */
export interface SceneKey2 {
  /** Chosen by the user: an integer in [0, 2^53). */
  seed: number;
  /** An integer in [0, 2^53). */
  index: number;
  /** Which of the scenes with this caption; 0 if left out. */
  layout?: number;
  /** Which part of the scenes, by chance, is drawn with a pencil, 0 to 1; 0 if left out. */
  pencil?: number;
}

/**
 * The scene with this seed and index; the same for ever, whatever was asked before.
 * @throws ControlNetError `range` where seed, index or layout is not an integer in [0, 2^53), or `pencil` not in [0, 1]
 */
export function sceneOf2(key: SceneKey2): Scene2 {
  const { seed, index, layout = 0 } = key;
  return layOut(contentOf2(key), seed, index, layout).scene;
}

/**
 * What the scene with this key holds by its caption, without placing it.
 * @throws ControlNetError as {@link sceneOf2}
 */
export function contentOf2({ seed, index, layout = 0, pencil = 0 }: SceneKey2): Content {
  for (const [name, value] of Object.entries({ seed, index, layout }))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new ControlNetError(
        "range",
        `sceneOf2: expected ${name} to be an integer in [0, 2^53), got ${value}`,
      );
  if (!(pencil >= 0 && pencil <= 1))
    throw new ControlNetError("range", `sceneOf2: expected pencil to be 0 to 1, got ${pencil}`);
  const style: StyleName =
    pencil > 0 && randomUniform({ seed, purpose: "tinyworld 2 style", index })() < pencil
      ? "pencil"
      : "plain";
  return contentOf(seed, index, style);
}

const variant = (scene: Scene2, what: string, number: number): (() => number) =>
  randomUniform({ seed: scene.seed, purpose: `tinyworld 2 ${what} ${number}`, index: scene.index });

/** The same scene from another camera, `turn` radians further round its objects (positive: to the right). */
export const fromCamera = (scene: Scene2, turn: number): Scene2 => ({
  ...scene,
  camera: cameraFrom(scene, turn),
});

/** The same scene with another main object of the same kind and colour. */
export function withOtherObject(scene: Scene2, number = 1): Scene2 {
  const random = variant(scene, "object", number);
  const [main, ...others] = scene.objects;
  return { ...scene, objects: [{ ...main!, look: Array.from({ length: LOOK_SIZE }, random) }, ...others] };
}

/** The same scene with the sun, moon or lamp elsewhere. */
export function withOtherLight(scene: Scene2, number = 1): Scene2 {
  const random = variant(scene, "light", number);
  const [low, high] = lightHeights(scene.place, scene.time);
  const [height, azimuth] = [low + (high - low) * random(), (2 * random() - 1) * Math.PI];
  const light: Vector = [
    Math.sin(azimuth) * Math.cos(height),
    Math.sin(height),
    Math.cos(azimuth) * Math.cos(height),
  ];
  return { ...scene, light };
}
