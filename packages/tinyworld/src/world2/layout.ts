import { randomUniform } from "@controlnet-js/core";
import { project, rayThrough, type View, viewOf } from "../camera.js";
import { blockCorners, halfExtents, type Part } from "../parts.js";
import type { Camera } from "../scene.js";
import { add, scaleBy, subtract, transform, type Vector } from "../vector.js";
import { solidObjects } from "../world.js";
import { type BuiltObject2, buildObject2, extentOf } from "./objects.js";
import { lightHeights } from "./places.js";
import { type Content, LOOK_SIZE, type Room, type Scene2, type SceneObject2 } from "./scene.js";
import { visibilityOf } from "./visibility.js";

/** How a scene came about: attempts until everything was visible. */
export interface Laid {
  scene: Scene2;
  attempts: number;
}

/** What must be seen of an object: a share of the picture, a share of the object, and at most so much of the picture. */
interface Demand {
  least: number;
  share: number;
  most: number;
}
const MAIN: Demand = { least: 0.035, share: 0.62, most: 0.5 };
const OTHER: Demand = { least: 0.016, share: 0.55, most: 0.4 };

/** After so many attempts the best of them is taken. */
const ATTEMPTS = 400;

/**
 * Places what a caption says: everything is anywhere that it can be seen, at any distance and turn, and the camera at any
 * height, pitch, roll and focal length. The same (seed, index, layout) give the same scene.
 * @param layout another number gives another scene of the same caption
 */
export function layOut(content: Content, seed: number, index: number, layout: number): Laid {
  const purpose = layout === 0 ? "tinyworld 2 layout" : `tinyworld 2 layout ${layout}`;
  const random = randomUniform({ seed, purpose, index });
  const between = (low: number, high: number): number => low + (high - low) * random();
  const models = content.things.map((thing): SceneObject2 => {
    const look = Array.from({ length: LOOK_SIZE }, random);
    return {
      ...thing,
      position: [0, 0, 0],
      yaw: 2 * Math.PI * random() - Math.PI,
      scale: between(0.8, 1.25),
      look,
    };
  });
  if (content.relation === "on") models[0]!.scale = between(0.42, 0.6);
  const variation = Array.from({ length: 8 }, random);
  const heights = lightHeights(content.place, content.time);
  const height = between(heights[0], heights[1]);
  const azimuth = between(-2.3, 2.3);
  const roomVariation = Array.from({ length: 48 }, random);
  let best: { scene: Scene2; score: number } | undefined;
  for (let attempts = 1; ; attempts++) {
    const placed = attempt(content, models, random);
    if (placed) {
      const { objects, camera, built } = placed;
      const score = scoreOf(content, camera, built);
      if (score > (best?.score ?? -1)) {
        const room =
          content.place === "room" ? roomAround(objects, built, camera, random, roomVariation) : null;
        const light: Vector = [
          Math.sin(azimuth) * Math.cos(height),
          Math.sin(height),
          Math.cos(azimuth) * Math.cos(height),
        ];
        const scene: Scene2 = { world: 2, seed, index, ...content, camera, light, objects, room, variation };
        best = { scene, score };
      }
      if (score >= 1) return { scene: best!.scene, attempts };
    }
    if (attempts >= ATTEMPTS && best) return { scene: best.scene, attempts };
  }
}

/** 1 where everything is well visible, else how far the worst object is from it. */
function scoreOf({ relation }: Content, camera: Camera, built: readonly BuiltObject2[]): number {
  const seen = visibilityOf(solidObjects([...built]), viewOf(camera));
  return seen.reduce((worst, { visible, whole }, i) => {
    const demand = i === 0 && relation !== "on" ? MAIN : OTHER;
    return Math.min(
      worst,
      visible / demand.least,
      visible / Math.max(whole, 1e-9) / demand.share,
      demand.most / Math.max(whole, 1e-9),
    );
  }, 1);
}

function attempt(
  content: Content,
  models: readonly SceneObject2[],
  random: () => number,
): { objects: SceneObject2[]; camera: Camera; built: BuiltObject2[] } | null {
  const between = (low: number, high: number): number => low + (high - low) * random();
  const inRoom = content.place === "room";
  const night = content.time === "night";
  const fieldOfView = between(0.5, 1.1);
  const pitch = -0.06 + 0.62 * random() ** 1.4;
  const roll = (random() + random() - 1) * 0.16;
  const at = (height: number): View => viewOf({ position: [0, height, 0], pitch, roll, fieldOfView });
  const free = at(1);
  const extents = models.map((model) => {
    const object = { ...model, position: [0, 0, 0] as Vector };
    return extentOf(buildObject2(object, night), [0, 0, 0]);
  });
  // The first object to be placed decides the camera's height: on a table, the table does.
  const first = content.relation === "on" ? 1 : 0;
  const { radius, height } = extents[first]!;
  const size = Math.exp(between(Math.log(0.24), Math.log(0.85)));
  const metres = (height * Math.cos(pitch) + 2 * radius * Math.sin(Math.max(0, pitch)) + 2 * radius) / 2;
  const depth = metres / (2 * free.tangent) / size;
  const foot = rayThrough(free, between(0.08, 0.92), between(0.3, 1.02), 1, 1);
  if (foot[1] > -0.02) return null;
  const cameraHeight = -foot[1] * depth;
  if (cameraHeight < 0.3 || cameraHeight > (inRoom ? 2.5 : 6) || depth < radius + 0.5) return null;
  if (inRoom && depth > 7) return null;
  const view = at(cameraHeight);
  const objects: SceneObject2[] = [...models];
  const stand = (i: number, x: number, y: number, z: number): void => {
    objects[i] = { ...models[i]!, position: [x, y, z] };
  };
  stand(first, foot[0] * depth, 0, foot[2] * depth);
  const placed = [first];
  for (let i = 0; i < models.length; i++) {
    if (i === first) continue;
    const own = extents[i]!;
    if (content.relation === "on") {
      const table = objects[1]!;
      const reach = 0.3 * table.scale;
      stand(
        i,
        table.position[0] + between(-reach, reach),
        0.94 * table.scale,
        table.position[2] + between(-reach, reach),
      );
      continue;
    }
    let done = false;
    for (let tries = 0; tries < 12 && !done; tries++) {
      let x: number;
      let z: number;
      if (content.relation === "next to") {
        const angle = between(-Math.PI, Math.PI);
        const away = radius + own.radius + between(0.03, 0.25);
        x = objects[0]!.position[0] + away * Math.sin(angle);
        z = objects[0]!.position[2] + away * Math.cos(angle);
      } else {
        const ray = rayThrough(view, between(0.03, 0.97), between(0.2, 1.05), 1, 1);
        if (ray[1] > -0.02) continue;
        const far = -cameraHeight / ray[1];
        const share = own.height / (2 * view.tangent) / far;
        if (share < 0.11 || share > 1.1 || (inRoom && far > 7.5)) continue;
        [x, z] = [ray[0] * far, ray[2] * far];
      }
      if (Math.hypot(x, z) < own.radius + 0.5) continue;
      done = placed.every((j) => {
        const { position } = objects[j]!;
        return Math.hypot(position[0] - x, position[2] - z) > extents[j]!.radius + own.radius + 0.02;
      });
      if (done) stand(i, x, 0, z);
    }
    if (!done) return null;
    placed.push(i);
  }
  const camera: Camera = { position: [0, cameraHeight, 0], pitch, yaw: 0, roll, fieldOfView };
  const built = objects.map((object) => buildObject2(object, night));
  for (const [i, { parts }] of built.entries()) {
    const inside = insideShare(parts, view);
    if (inside < (i === first ? 0.86 : 0.74)) return null;
  }
  return { objects, camera, built };
}

/** Which part of the rectangle around an object's projection lies in the picture; 0 where a part is behind the camera. */
function insideShare(parts: readonly Part[], view: View): number {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const piece of parts) {
    const half = halfExtents(piece);
    const corners =
      piece.shape === "block"
        ? blockCorners(piece)
        : [0, 1, 2].flatMap((axis) =>
            [-1, 1].map((sign) => {
              const tip: [number, number, number] = [0, 0, 0];
              tip[axis] = sign * half[axis]!;
              return add(piece.centre, transform(piece.rotation, tip));
            }),
          );
    for (const corner of corners) {
      const { x, y, depth } = project(view, corner, 1, 1);
      if (depth < 0.15) return 0;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  const across = Math.min(1, right) - Math.max(0, left);
  const down = Math.min(1, bottom) - Math.max(0, top);
  if (across <= 0 || down <= 0) return 0;
  return (across * down) / ((right - left) * (bottom - top));
}

/** A room that holds all objects and the camera. */
function roomAround(
  objects: readonly SceneObject2[],
  built: readonly BuiltObject2[],
  camera: Camera,
  random: () => number,
  variation: readonly number[],
): Room {
  const yaw = (random() - 0.5) * 1.3;
  const [c, s] = [Math.cos(yaw), Math.sin(yaw)];
  let [left, right, back, front, top] = [-0.4, 0.4, -0.4, 0.4, camera.position[1] + 0.3];
  for (const [i, { position }] of objects.entries()) {
    const { radius, height } = extentOf(built[i]!, position);
    const [x, z] = [c * position[0] - s * position[2], s * position[0] + c * position[2]];
    left = Math.min(left, x - radius);
    right = Math.max(right, x + radius);
    back = Math.min(back, z - radius);
    front = Math.max(front, z + radius);
    top = Math.max(top, position[1] + height + 0.2);
  }
  const more = (low: number, high: number): number => low + (high - low) * random();
  return {
    yaw,
    left: left - more(0.1, 1.6),
    right: right + more(0.1, 1.6),
    back: back - more(0.1, 1.8),
    front: front + more(0.3, 1),
    height: Math.max(2.4, top) + more(0, 0.5),
    variation,
  };
}

/** The camera that sees a scene's objects from `turn` radians further round their middle, as far away as before. */
export function cameraFrom({ camera, objects }: Scene2, turn: number): Camera {
  const middle = scaleBy(
    objects.reduce<Vector>((sum, { position }) => add(sum, position), [0, 0, 0]),
    1 / objects.length,
  );
  const away = subtract(camera.position, [middle[0], 0, middle[2]]);
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  return {
    ...camera,
    position: [middle[0] + c * away[0] + s * away[2], away[1], middle[2] - s * away[0] + c * away[2]],
    yaw: (camera.yaw ?? 0) + turn,
  };
}
