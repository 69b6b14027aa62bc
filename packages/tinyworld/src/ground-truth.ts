import { rayThrough } from "./camera.js";
import { segmentationId } from "./palette.js";
import type { RenderSize } from "./render.js";
import type { Scene } from "./scene.js";
import { castRay, GROUND, type Hit, SKY, WALL } from "./shading.js";
import { dot, type Vector } from "./vector.js";
import { TILE, tilesOf, type World, worldOf } from "./world.js";

/** What is exactly known about each pixel of a picture; rows first, sampled at pixel centres. */
export interface GroundTruth {
  width: number;
  height: number;
  /** Metres along the view axis, `[height, width]`; Infinity in the sky. */
  depth: Float32Array;
  /**
   * Unit normals in camera space, `[height, width, 3]`: x to the right, y up, z towards the viewer. Zero in the sky.
   */
  normals: Float32Array;
  /** Ids of `SEGMENTATION_PALETTE`, `[height, width]`. */
  segmentation: Uint8Array;
  /** 1 on the main object, 0 elsewhere, `[height, width]`. */
  objectMask: Uint8Array;
}

/**
 * Depth, normals, segmentation and the main object's mask of {@link render}'s picture of the same size.
 * They are computed from the geometry, not estimated.
 */
export const groundTruthOf = (scene: Scene, size: RenderSize = {}): GroundTruth =>
  truthOf(worldOf(scene), (surface) => idOf(scene, surface), size);

/** The truth of what a scene was made ready as; `idOf` gives the class of a surface. */
export function truthOf(
  world: World,
  idOf: (surface: number) => number,
  { width = 128, height = 128 }: RenderSize = {},
): GroundTruth & { objects: Int8Array } {
  const { view } = world;
  const tiles = tilesOf(world, width, height);
  const columns = Math.ceil(width / TILE);
  const hit: Hit = { solid: null, surface: SKY, t: Infinity, normal: new Float64Array(3) };
  const pixels = width * height;
  const depth = new Float32Array(pixels);
  const normals = new Float32Array(3 * pixels);
  const segmentation = new Uint8Array(pixels);
  const objectMask = new Uint8Array(pixels);
  const objects = new Int8Array(pixels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const [dx, dy, dz] = rayThrough(view, x + 0.5, y + 0.5, width, height);
      castRay(world, tiles[Math.floor(y / TILE) * columns + Math.floor(x / TILE)]!, dx, dy, dz, hit);
      // Rays are one metre long along the view axis, so that t is the depth.
      depth[i] = hit.t;
      const normal: Vector = [hit.normal[0]!, hit.normal[1]!, hit.normal[2]!];
      normals[3 * i] = dot(normal, view.right);
      normals[3 * i + 1] = dot(normal, view.up);
      normals[3 * i + 2] = -dot(normal, view.forward);
      segmentation[i] = idOf(hit.surface);
      objectMask[i] = hit.surface === 0 ? 1 : 0;
      objects[i] = hit.surface;
    }
  return { width, height, depth, normals, segmentation, objectMask, objects };
}

function idOf(scene: Scene, surface: number): number {
  if (surface === SKY) return segmentationId("sky");
  if (surface === GROUND) return segmentationId("ground");
  if (surface === WALL) return segmentationId("wall");
  return segmentationId(scene.objects[surface]!.kind);
}
