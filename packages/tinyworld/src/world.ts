import { WALL_Z } from "./backdrop.js";
import { type View, viewOf } from "./camera.js";
import { intersect, type Solid, solidOf } from "./intersect.js";
import { type BuiltObject, buildObject } from "./objects/index.js";
import type { Scene } from "./scene.js";
import { SETTINGS } from "./settings.js";

/** A scene made ready for rays. */
export interface World {
  scene: Scene;
  view: View;
  built: BuiltObject[];
  solids: Solid[];
  /** A sphere around each object: x, y, z, radius. */
  bounds: Float64Array;
  /** z of a room's wall, or -Infinity. */
  wall: number;
}

/** Builds all objects of a scene. */
export function worldOf(scene: Scene): World {
  const built = scene.objects.map(buildObject);
  const solids = built.flatMap((object, i) => object.parts.map((piece) => solidOf(piece, i)));
  const bounds = new Float64Array(4 * built.length);
  built.forEach((_, i) => {
    const own = solids.filter((solid) => solid.object === i);
    const middle = (axis: "cx" | "cy" | "cz"): number => {
      const low = Math.min(...own.map((s) => s[axis] - s.radius));
      const high = Math.max(...own.map((s) => s[axis] + s.radius));
      return (low + high) / 2;
    };
    const [x, y, z] = [middle("cx"), middle("cy"), middle("cz")];
    const radius = Math.max(...own.map((s) => Math.hypot(s.cx - x, s.cy - y, s.cz - z) + s.radius));
    bounds.set([x, y, z, radius], 4 * i);
  });
  const wall = SETTINGS[scene.setting].backdrop === "wall" ? WALL_Z : -Infinity;
  return { scene, view: viewOf(scene.camera), built, solids, bounds, wall };
}

/** Whether something stands between the point and the light in the unit direction (dx, dy, dz). */
export function inShadow(
  world: World,
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
): boolean {
  const { bounds, solids } = world;
  let any = false;
  for (let i = 0; i < bounds.length; i += 4) {
    const ox = bounds[i]! - x;
    const oy = bounds[i + 1]! - y;
    const oz = bounds[i + 2]! - z;
    const along = ox * dx + oy * dy + oz * dz;
    const radius = bounds[i + 3]!;
    if (along > -radius && ox * ox + oy * oy + oz * oz - along * along < radius * radius) any = true;
  }
  if (!any) return false;
  for (let i = 0; i < solids.length; i++)
    if (intersect(solids[i]!, x, y, z, dx, dy, dz, 1e-4) < Infinity) return true;
  return false;
}

/** Side of the tiles that share a list of candidates, pixels. */
export const TILE = 8;

/** For each 8x8 tile, row by row, the solids that a ray through it may hit. */
export function tilesOf(world: World, width: number, height: number): Solid[][] {
  const { view } = world;
  const columns = Math.ceil(width / TILE);
  const rows = Math.ceil(height / TILE);
  const tiles: Solid[][] = Array.from({ length: columns * rows }, () => []);
  const focal = Math.min(width, height) / 2 / view.tangent;
  for (const solid of world.solids) {
    const x = solid.cx - view.position[0];
    const y = solid.cy - view.position[1];
    const z = solid.cz - view.position[2];
    const depth = view.forward[1] * y + view.forward[2] * z;
    const up = view.up[1] * y + view.up[2] * z;
    const closest = Math.max(depth - solid.radius, 0.05);
    const reach = (focal * solid.radius * 1.15) / closest + 1.5;
    const px = width / 2 + (x / depth) * focal;
    const py = height / 2 - (up / depth) * focal;
    const left = Math.max(0, Math.floor((px - reach) / TILE));
    const right = Math.min(columns - 1, Math.floor((px + reach) / TILE));
    const top = Math.max(0, Math.floor((py - reach) / TILE));
    const bottom = Math.min(rows - 1, Math.floor((py + reach) / TILE));
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++) tiles[row * columns + column]!.push(solid);
  }
  return tiles;
}
