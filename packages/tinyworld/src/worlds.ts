import type { Image } from "@controlnet-js/core";
import { captionOf, vocabulary } from "./caption.js";
import { type Keypoint, keypointsOf } from "./keypoints.js";
import { type RenderSize, render } from "./render.js";
import type { Scene } from "./scene.js";
import { type SceneKey, sceneOf } from "./scene-of.js";
import { type TruthMapName, truthMap } from "./truth-map.js";
import { captionOf2, vocabulary2 } from "./world2/caption.js";
import { render2 } from "./world2/render.js";
import type { Scene2 } from "./world2/scene.js";
import { contentOf2, sceneOf2 } from "./world2/scene-of.js";
import { keypointsOf2, truthMap2 } from "./world2/truth.js";

/** The worlds, by number: 1 frames its main object, 2 puts everything anywhere. */
export const WORLDS = [1, 2] as const;
/** A world's number. */
export type WorldNumber = (typeof WORLDS)[number];

/** Chooses a world and what may be chosen of it. */
export interface WorldOptions {
  /** 1 if left out, the world of the shipped weights. */
  world?: WorldNumber | undefined;
  /** Which part of world 2's scenes is drawn with a pencil, 0 to 1; 0 if left out. */
  pencil?: number | undefined;
}

/** A scene of any world. */
export interface OpenScene {
  scene: Scene | Scene2;
  caption: string;
  /** RGB bytes. */
  render(size?: RenderSize): Image;
  truthMap(name: TruthMapName, size?: RenderSize): Image;
  /** OpenPose's 18 joints of each person. */
  keypoints(size?: RenderSize): Keypoint[][];
}

/** A world: its words and its scenes. */
export interface TinyWorld {
  vocabulary(): string[];
  /** @throws ControlNetError `range` where seed or index is not an integer in [0, 2^53) */
  open(key: SceneKey): OpenScene;
  /** The caption of the scene that {@link open} gives, sooner. */
  captionOf(key: SceneKey): string;
}

/** The world with a number. */
export function tinyworld({ world = 1, pencil = 0 }: WorldOptions = {}): TinyWorld {
  return world === 1
    ? {
        vocabulary,
        open: (key) => openScene(sceneOf(key)),
        captionOf: (key) => captionOf(sceneOf(key)),
      }
    : {
        vocabulary: vocabulary2,
        open: (key) => openScene(sceneOf2({ ...key, pencil })),
        captionOf: (key) => captionOf2(contentOf2({ ...key, pencil })),
      };
}

/** A scene with what its world makes of it. */
export const openScene = (scene: Scene | Scene2): OpenScene =>
  "world" in scene
    ? {
        scene,
        caption: captionOf2(scene),
        render: (size) => render2(scene, size),
        truthMap: (name, size) => truthMap2(scene, name, size),
        keypoints: (size) => keypointsOf2(scene, size),
      }
    : {
        scene,
        caption: captionOf(scene),
        render: (size) => render(scene, size),
        truthMap: (name, size) => truthMap(scene, name, size),
        keypoints: (size) => keypointsOf(scene, size),
      };
