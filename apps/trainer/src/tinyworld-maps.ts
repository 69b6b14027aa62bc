import type { Condition, Image } from "@controlnet-js/core";
import { drawPoses } from "@controlnet-js/preprocessors";
import { openScene, type Scene, type Scene2 } from "@controlnet-js/tinyworld";

/** How the control maps of tinyworld's scenes are made. */
export interface SceneMaps {
  /** What is told of them. */
  name: string;
  of(image: Image, scene: Scene | Scene2): Image | Promise<Image>;
}

type ExactMap = (image: Image, scene: Scene | Scene2, options: Record<string, unknown>) => Image;

/** Conditions that want a network for pictures, but whose maps the renderer knows. */
const exactMaps: Readonly<Record<string, ExactMap>> = {
  depth: (image, scene) => openScene(scene).truthMap("depth", image),
  normal: (image, scene) => openScene(scene).truthMap("normal", image),
  segmentation: (image, scene) => openScene(scene).truthMap("segmentation", image),
  mlsd: (image, scene) => openScene(scene).truthMap("lines", image),
  pose({ width, height }, scene, { version }) {
    const people = openScene(scene)
      .keypoints({ width, height })
      .map((joints) => ({
        body: joints.map(({ x, y, visible }) => (visible ? { x, y } : null)),
      }));
    return drawPoses({ width, height, people }, version === "1.0" ? { version } : {});
  },
};

/** Whether the renderer knows the maps of a built-in condition. */
export const isExact = (conditionName: string): boolean => Object.hasOwn(exactMaps, conditionName);

/**
 * The maps of scenes under a condition: its own of the picture where it can make them, else the renderer's.
 * @param options of the condition
 * @param detects whether the condition can make maps of pictures
 */
export function sceneMaps(
  condition: Condition,
  options: Record<string, unknown>,
  detects: boolean,
): SceneMaps {
  const { name } = condition;
  const exact = isExact(name) ? exactMaps[name] : undefined;
  return detects || !exact
    ? { name, of: (image) => condition.detect(image, options) }
    : { name: `exact ${name}`, of: (image, scene) => exact(image, scene, options) };
}
