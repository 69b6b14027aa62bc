import type { Image } from "@controlnet-js/core";
import { viewOf } from "../camera.js";
import { type GroundTruth, truthOf } from "../ground-truth.js";
import { depthOfJoint, type Keypoint, pointsIn } from "../keypoints.js";
import { blockEdges, type Line, linesIn } from "../lines.js";
import type { RenderSize } from "../render.js";
import { drawTruth, type TruthMapName } from "../truth-map.js";
import type { Vector } from "../vector.js";
import { wordsOf } from "./caption.js";
import type { Scene2 } from "./scene.js";
import { classOf, SEGMENTATION_PALETTE2 } from "./surfaces.js";
import { type World2, world2Of } from "./world-of.js";

/** The rectangle of an object's visible pixels, in pixels from the top left corner; `right` and `bottom` lie outside. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** What the caption calls it, such as "a red car". */
  words: string;
  /** The object's position in the scene. */
  object: number;
}

/** A person in the picture. */
export interface PersonTruth {
  object: number;
  /** OpenPose's 18 joints. */
  joints: Keypoint[];
  /** The middles of the right and the left hand, and the hands' radius in pixels. */
  hands: readonly [Keypoint & { radius: number }, Keypoint & { radius: number }];
}

/** An animal in the picture. */
export interface AnimalTruth {
  object: number;
  kind: "dog" | "horse";
  /** AP-10K's 17 joints, see `ANIMAL_JOINTS`. */
  joints: Keypoint[];
}

/** The camera as matrices: a pixel is `focal * (x / depth, -y / depth) + centre` in its axes. */
export interface CameraTruth {
  position: Vector;
  /** Unit vectors in the world. */
  right: Vector;
  up: Vector;
  forward: Vector;
  /** Pixels. */
  focal: number;
  centre: readonly [x: number, y: number];
}

/** All that is exactly known about a picture of world 2. */
export interface Truth2 extends GroundTruth {
  /** The object at each pixel by its position in the scene, below zero where there is none, `[height, width]`. */
  objects: Int8Array;
  boxes: Box[];
  people: PersonTruth[];
  animals: AnimalTruth[];
  /** Visible straight edges of objects and room. */
  lines: Line[];
  camera: CameraTruth;
}

/** Depth, normals, classes, objects, boxes, joints, lines and camera of {@link render2}'s picture of the same size. */
export function truthOf2(scene: Scene2, size: RenderSize = {}): Truth2 {
  const world = world2Of(scene);
  const kinds = scene.objects.map(({ kind }) => kind);
  const pixels = truthOf(world, (surface) => classOf(surface, kinds), size);
  return {
    ...pixels,
    boxes: boxesOf(scene, pixels),
    people: peopleOf(scene, world, size),
    animals: world.built.flatMap(({ animal }, object) => {
      const { kind, scale } = scene.objects[object]!;
      if (!animal || (kind !== "dog" && kind !== "horse")) return [];
      return [{ object, kind, joints: pointsIn(world, animal, () => 0.35 * scale, size) }];
    }),
    lines: linesOfWorld(world, size),
    camera: cameraOf(scene, pixels),
  };
}

function boxesOf(
  scene: Scene2,
  { objects, width, height }: { objects: Int8Array; width: number; height: number },
): Box[] {
  return scene.objects.flatMap((thing, object) => {
    let [left, top, right, bottom] = [width, height, 0, 0];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        if (objects[y * width + x] !== object) continue;
        left = Math.min(left, x);
        right = Math.max(right, x + 1);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y + 1);
      }
    return right > left ? [{ left, top, right, bottom, words: wordsOf(thing), object }] : [];
  });
}

function peopleOf(scene: Scene2, world: World2, size: RenderSize): PersonTruth[] {
  const { width = 128, height = 128 } = size;
  const focal = Math.min(width, height) / 2 / world.view.tangent;
  const [px, py, pz] = world.view.position;
  return world.built.flatMap(({ joints, hands }, object) => {
    if (!joints || !hands) return [];
    const { scale } = scene.objects[object]!;
    const seen = pointsIn(world, hands, () => 0.15 * scale, size).map((point, i) => {
      const [x, y, z] = hands[i]!;
      return { ...point, radius: (focal * 0.095 * scale) / Math.hypot(x - px, y - py, z - pz) };
    });
    return [
      {
        object,
        joints: pointsIn(world, joints, (joint) => depthOfJoint(joint) * scale, size),
        hands: seen as unknown as PersonTruth["hands"],
      },
    ];
  });
}

const linesOfWorld = (world: World2, size: RenderSize): Line[] =>
  linesIn(
    world,
    world.roomParts.flatMap(({ part }) => blockEdges(part)),
    size,
  );

function cameraOf({ camera }: Scene2, { width, height }: { width: number; height: number }): CameraTruth {
  const { position, right, up, forward, tangent } = viewOf(camera);
  return {
    position,
    right,
    up,
    forward,
    focal: Math.min(width, height) / 2 / tangent,
    centre: [width / 2, height / 2],
  };
}

/** The joints of each person, as `keypointsOf` gives them. */
export const keypointsOf2 = (scene: Scene2, size: RenderSize = {}): Keypoint[][] =>
  peopleOf(scene, world2Of(scene), size).map(({ joints }) => joints);

/**
 * A scene's exact control map, RGB bytes; see `truthMap`.
 * @throws ControlNetError `config` for another name
 */
export function truthMap2(scene: Scene2, name: TruthMapName, size: RenderSize = {}): Image {
  const world = world2Of(scene);
  const kinds = scene.objects.map(({ kind }) => kind);
  return drawTruth(name, size, {
    truth: () => truthOf(world, (surface) => classOf(surface, kinds), size),
    lines: () => linesOfWorld(world, size),
    palette: SEGMENTATION_PALETTE2,
  });
}
