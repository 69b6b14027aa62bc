import { backdropOf, groundOf, WALL_Z, wallOf } from "./backdrop.js";
import { project, type View, viewOf } from "./camera.js";
import { intersect, type Solid, solidOf, toLinear } from "./intersect.js";
import { type BuiltObject, buildObject } from "./objects/build-object.js";
import type { Scene } from "./scene.js";
import { SETTINGS, type Setting } from "./settings.js";
import type { Vector } from "./vector.js";

/** What lights a scene and what lies behind its objects. Light is linear RGB. */
export interface Surroundings {
  /** Unit vector towards the sun or lamp. */
  light: Vector;
  sun: Vector;
  /** Light from above and from the ground. */
  ambient: Vector;
  bounce: Vector;
  /** Share of the distant colour that a metre beyond `start` adds. */
  haze: number;
  /** Metres from the camera at which haze begins. */
  start: number;
  distant: readonly number[];
  /** Writes what is seen in a direction where nothing stands. */
  sky(dx: number, dy: number, dz: number, out: Float64Array): void;
  /** Writes the ground's colour at a point, `distance` metres away from the camera. */
  ground(x: number, z: number, distance: number, out: Float64Array): void;
  /** Writes the colour of the wall at {@link World.wall}. */
  wall(x: number, y: number, out: Float64Array): void;
}

/** A scene made ready for rays. */
export interface World {
  view: View;
  built: BuiltObject[];
  /** The objects' solids, object by object. */
  solids: Solid[];
  /** Solids that belong to no object and throw no shadow; `object` is their surface, below {@link SKY}. */
  scenery: Solid[];
  /** A sphere around each object: x, y, z, radius. */
  bounds: Float64Array;
  /** Position among `solids` of each object's first, and their number at the end. */
  starts: number[];
  /** z of a room's wall, or -Infinity. */
  wall: number;
  surroundings: Surroundings;
}

/** Builds all objects of a scene. */
export function worldOf(scene: Scene): World {
  const setting: Setting = SETTINGS[scene.setting];
  const { variation, light } = scene;
  const { sun, ambient, bounce, haze } = setting;
  const backdrop = backdropOf(setting, variation);
  const objects = solidObjects(scene.objects.map(buildObject));
  const view = viewOf(scene.camera);
  const [px, py, pz] = view.position;
  const [x, y, z] = objects.bounds as unknown as Vector;
  return {
    view,
    ...objects,
    scenery: [],
    wall: setting.backdrop === "wall" ? WALL_Z : -Infinity,
    surroundings: {
      light,
      sun,
      ambient,
      bounce,
      haze,
      start: Math.hypot(x - px, y - py, z - pz) + 0.3,
      distant: setting.skyLow.map(toLinear),
      sky: (dx, dy, dz, out) => backdrop(dx / -dz, dy / -dz, out),
      ground: groundOf(setting, variation),
      wall: wallOf(setting, variation),
    },
  };
}

/** Compiles objects for rays. */
export function solidObjects(built: BuiltObject[]): Pick<World, "built" | "solids" | "bounds" | "starts"> {
  const solids: Solid[] = [];
  const starts = [0];
  const bounds = new Float64Array(4 * built.length);
  built.forEach(({ parts }, i) => {
    const own = parts.map((piece) => solidOf(piece, i));
    solids.push(...own);
    starts.push(solids.length);
    const middle = (axis: "cx" | "cy" | "cz"): number => {
      const low = Math.min(...own.map((s) => s[axis] - s.radius));
      const high = Math.max(...own.map((s) => s[axis] + s.radius));
      return (low + high) / 2;
    };
    const [x, y, z] = [middle("cx"), middle("cy"), middle("cz")];
    const radius = Math.max(...own.map((s) => Math.hypot(s.cx - x, s.cy - y, s.cz - z) + s.radius));
    bounds.set([x, y, z, radius], 4 * i);
  });
  return { built, solids, bounds, starts };
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
  const { bounds, solids, starts } = world;
  for (let i = 0; i < bounds.length; i += 4) {
    const ox = bounds[i]! - x;
    const oy = bounds[i + 1]! - y;
    const oz = bounds[i + 2]! - z;
    const along = ox * dx + oy * dy + oz * dz;
    const radius = bounds[i + 3]!;
    if (along <= -radius || ox * ox + oy * oy + oz * oz - along * along >= radius * radius) continue;
    for (let j = starts[i / 4]!; j < starts[i / 4 + 1]!; j++)
      if (intersect(solids[j]!, x, y, z, dx, dy, dz, 1e-4) < Infinity) return true;
  }
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
  for (const solid of [...world.solids, ...world.scenery]) {
    const { x: px, y: py, depth } = project(view, [solid.cx, solid.cy, solid.cz], width, height);
    if (depth + solid.radius < 0) continue;
    const closest = depth - solid.radius;
    const reach = closest < 0.05 ? Infinity : (focal * solid.radius * 1.15) / closest + 1.5;
    const left = Math.max(0, Math.floor((px - reach) / TILE));
    const right = Math.min(columns - 1, Math.floor((px + reach) / TILE));
    const top = Math.max(0, Math.floor((py - reach) / TILE));
    const bottom = Math.min(rows - 1, Math.floor((py + reach) / TILE));
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++) tiles[row * columns + column]!.push(solid);
  }
  return tiles;
}
