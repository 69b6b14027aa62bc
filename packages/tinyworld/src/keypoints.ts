import { project, rayThrough } from "./camera.js";
import type { RenderSize } from "./render.js";
import type { Scene } from "./scene.js";
import { castRay, type Hit, SKY } from "./shading.js";
import type { Vector } from "./vector.js";
import { type World, worldOf } from "./world.js";

/** A joint in the picture. */
export interface Keypoint {
  /** Pixels from the left and top edge. */
  x: number;
  y: number;
  /** Whether it lies in the picture and nothing but the flesh around it hides it. */
  visible: boolean;
}

/** How deep below the skin a joint lies, at most: eyes, ears and nose lie on it. */
export const depthOfJoint = (joint: number): number => (joint === 0 || joint >= 14 ? 0.09 : 0.26);

/** The 18 joints of each person, in OpenPose's order (see {@link JOINTS}); an empty list without persons. */
export function keypointsOf(scene: Scene, size: RenderSize = {}): Keypoint[][] {
  const world = worldOf(scene);
  return world.built.flatMap(({ joints }) => (joints ? [pointsIn(world, joints, depthOfJoint, size)] : []));
}

/** Points of a world in its picture; `depthOf` says how deep below a surface each may lie and still be visible, metres. */
export function pointsIn(
  world: World,
  points: readonly Vector[],
  depthOf: (point: number) => number,
  { width = 128, height = 128 }: RenderSize = {},
): Keypoint[] {
  const candidates = [...world.solids, ...world.scenery];
  const hit: Hit = { solid: null, surface: SKY, t: Infinity, normal: new Float64Array(3) };
  return points.map((point, i): Keypoint => {
    const { x, y, depth } = project(world.view, point, width, height);
    const inside = depth > 0 && x >= 0 && x < width && y >= 0 && y < height;
    castRay(world, candidates, ...rayThrough(world.view, x, y, width, height), hit);
    return { x, y, visible: inside && hit.t > depth - depthOf(i) };
  });
}
