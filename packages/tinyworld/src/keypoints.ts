import { project, rayThrough } from "./camera.js";
import type { RenderSize } from "./render.js";
import type { Scene } from "./scene.js";
import { castRay, type Hit, SKY } from "./shading.js";
import { worldOf } from "./world.js";

/** A joint in the picture. */
export interface Keypoint {
  /** Pixels from the left and top edge. */
  x: number;
  y: number;
  /** Whether it lies in the picture and nothing but the flesh around it hides it. */
  visible: boolean;
}

/** How deep below the skin a joint lies, at most: eyes, ears and nose lie on it. */
const depthOf = (joint: number): number => (joint === 0 || joint >= 14 ? 0.09 : 0.26);

/** The 18 joints of each person, in OpenPose's order (see {@link JOINTS}); an empty list without persons. */
export function keypointsOf(scene: Scene, { width = 128, height = 128 }: RenderSize = {}): Keypoint[][] {
  const world = worldOf(scene);
  const hit: Hit = { solid: null, surface: SKY, t: Infinity, normal: new Float64Array(3) };
  return world.built.flatMap(({ joints }) => {
    if (!joints) return [];
    const keypoints = joints.map((joint, i): Keypoint => {
      const { x, y, depth } = project(world.view, joint, width, height);
      const inside = x >= 0 && x < width && y >= 0 && y < height;
      castRay(world, world.solids, ...rayThrough(world.view, x, y, width, height), hit);
      return { x, y, visible: inside && hit.t > depth - depthOf(i) };
    });
    return [keypoints];
  });
}
