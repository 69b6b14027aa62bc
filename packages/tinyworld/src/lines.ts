import { WALL_Z } from "./backdrop.js";
import { project, rayThrough } from "./camera.js";
import { blockCorners, type Part } from "./parts.js";
import type { RenderSize } from "./render.js";
import type { Scene } from "./scene.js";
import { castRay, type Hit, SKY } from "./shading.js";
import { length, mix, subtract, type Vector } from "./vector.js";
import { type World, worldOf } from "./world.js";

/** The visible part of a straight edge, in pixels from the top left corner. */
export interface Line {
  from: readonly [x: number, y: number];
  to: readonly [x: number, y: number];
  /** The object that has the edge, or -1 for the edge between a room's floor and wall. */
  object: number;
}

/** Pairs of corners that differ in one axis. */
const EDGES = Array.from({ length: 8 }, (_, i) => [1, 2, 4].map((bit) => [i, i | bit] as const))
  .flat()
  .filter(([a, b]) => a !== b);

/** The straight edges of a block, each once; none of another shape. */
export const blockEdges = (piece: Part): [Vector, Vector][] => {
  if (piece.shape !== "block") return [];
  const corners = blockCorners(piece);
  const found = new Map<string, [Vector, Vector]>();
  for (const [a, b] of EDGES) {
    const [from, to] = [corners[a]!, corners[b]!];
    // A roof's ridge is two edges in one place, a pyramid's tip four of no length.
    const key = [...from, ...to].map((value) => value.toFixed(5)).join(" ");
    if (length(subtract(from, to)) > 0.02) found.set(key, [from, to]);
  }
  return [...found.values()];
};

/**
 * The straight edges of all blocks (houses, roofs, doors, tables, cubes, ...) as far as they are visible.
 * @param shortest shortest line that counts, pixels
 */
export function linesOf(scene: Scene, size: RenderSize = {}, shortest = 4): Line[] {
  const world = worldOf(scene);
  const floor =
    world.wall > -Infinity ? ([[-6, 0, WALL_Z] as const, [6, 0, WALL_Z] as const] as const) : undefined;
  return linesIn(world, floor ? [floor] : [], size, shortest);
}

/** The visible straight edges of a world's objects, and of others that belong to none. */
export function linesIn(
  world: World,
  others: readonly (readonly [Vector, Vector])[],
  { width = 128, height = 128 }: RenderSize = {},
  shortest = 4,
): Line[] {
  const lines = world.built.flatMap(({ parts }, object) =>
    parts.flatMap(blockEdges).flatMap(([from, to]) => visibleRuns(world, from, to, object, width, height)),
  );
  lines.push(...others.flatMap(([from, to]) => visibleRuns(world, from, to, -1, width, height)));
  return lines.filter(({ from, to }) => Math.hypot(to[0] - from[0], to[1] - from[1]) >= shortest);
}

/** Follows an edge in steps of a pixel and joins the visible steps. */
function visibleRuns(
  world: World,
  from: Vector,
  to: Vector,
  object: number,
  width: number,
  height: number,
): Line[] {
  const hit: Hit = { solid: null, surface: SKY, t: Infinity, normal: new Float64Array(3) };
  const candidates = [...world.solids, ...world.scenery];
  const [a, b] = [project(world.view, from, width, height), project(world.view, to, width, height)];
  const crosses = Math.min(a.depth, b.depth) < 0.1;
  if (crosses && Math.max(a.depth, b.depth) < 0.1) return [];
  const steps = crosses
    ? 4 * Math.max(width, height)
    : Math.max(2, Math.ceil(Math.hypot(b.x - a.x, b.y - a.y)));
  const runs: Line[] = [];
  let first: readonly [number, number] | null = null;
  let last: readonly [number, number] | null = null;
  for (let i = 0; i <= steps; i++) {
    const { x, y, depth } = project(world.view, mix(from, to, i / steps), width, height);
    const inside = depth > 0.1 && x >= 0 && x <= width && y >= 0 && y <= height;
    if (inside) castRay(world, candidates, ...rayThrough(world.view, x, y, width, height), hit);
    if (inside && hit.t > depth - 0.015) {
      first ??= [x, y];
      last = [x, y];
      if (i < steps) continue;
    }
    if (first && last) runs.push({ from: first, to: last, object });
    first = last = null;
  }
  return runs;
}
