import { intersect, normalAt, type Solid } from "./intersect.js";
import { smoothstep } from "./noise.js";
import { inShadow, type World } from "./world.js";

/** What a ray hits: a solid's position among all solids, or one of these. */
export const SKY = -1;
/** The ground, y = 0. */
export const GROUND = -2;
/** A room's back wall. */
export const WALL = -3;

/** The first surface along a ray. */
export interface Hit {
  /** The solid, or null for the ground, the old room's wall and the sky. */
  solid: Solid | null;
  /** {@link SKY}, {@link GROUND}, {@link WALL}, scenery's own below these, or the object's position in the scene. */
  surface: number;
  /** Distance in lengths of the ray's direction; Infinity for the sky. */
  t: number;
  /** World-space unit normal; zero for the sky. */
  normal: Float64Array;
}

/** Follows a ray from the camera and writes what it hits first into `hit`. */
export function castRay(
  world: World,
  candidates: readonly Solid[],
  dx: number,
  dy: number,
  dz: number,
  hit: Hit,
): void {
  const [ox, oy, oz] = world.view.position;
  let best = Infinity;
  let solid: Solid | null = null;
  for (let i = 0; i < candidates.length; i++) {
    const t = intersect(candidates[i]!, ox, oy, oz, dx, dy, dz, 1e-3);
    if (t < best) {
      best = t;
      solid = candidates[i]!;
    }
  }
  let surface = solid ? solid.object : SKY;
  const ground = dy < 0 ? -oy / dy : Infinity;
  if (ground < best) {
    best = ground;
    solid = null;
    surface = GROUND;
  }
  if (dz < 0) {
    const wall = (world.wall - oz) / dz;
    if (wall < best) {
      best = wall;
      solid = null;
      surface = WALL;
    }
  }
  hit.solid = solid;
  hit.surface = surface;
  hit.t = best;
  const n = hit.normal;
  n[0] = n[1] = n[2] = 0;
  if (solid) normalAt(solid, ox + best * dx, oy + best * dy, oz + best * dz, n);
  else if (surface === GROUND) n[1] = 1;
  else if (surface === WALL) n[2] = 1;
}

/** Writes the light (linear RGB) that comes back along a ray into `out`. */
export type Shader = (dx: number, dy: number, dz: number, hit: Hit, out: Float64Array) => void;

/** Lambert light from one sun with shadows, light from sky and ground, a small highlight, and haze. */
export function shaderOf(world: World): Shader {
  const { solids, bounds, starts } = world;
  const { sky: backdrop, ground, wall, sun, ambient, bounce, haze, start, distant } = world.surroundings;
  const [lx, ly, lz] = world.surroundings.light;
  const [px, py, pz] = world.view.position;
  /** How far from an object's middle its solids darken the ground, squared metres. */
  const reach = starts.slice(1).map((end, i) => {
    const widest = solids.slice(starts[i]!, end).reduce((most, { radius }) => Math.max(most, radius), 0);
    return (bounds[4 * i + 3]! + 3 * 0.62 * widest) ** 2;
  });

  const openness = (x: number, z: number): number => {
    let open = 1;
    for (let object = 0; object < reach.length; object++) {
      const [bx, bz] = [x - bounds[4 * object]!, z - bounds[4 * object + 2]!];
      if (bx * bx + bz * bz > reach[object]!) continue;
      for (let i = starts[object]!; i < starts[object + 1]!; i++) {
        const s = solids[i]!;
        const [ax, az] = [x - s.cx, z - s.cz];
        const square = ax * ax + s.cy * s.cy + az * az;
        const radius = 0.62 * s.radius;
        if (square > 9 * radius * radius) continue;
        open *= 1 - Math.min(0.55, (0.75 * (s.cy / Math.sqrt(square)) * radius * radius) / square);
      }
    }
    return Math.max(0.42, open);
  };

  return (dx, dy, dz, hit, out) => {
    if (hit.surface === SKY) {
      backdrop(dx, dy, dz, out);
      return;
    }
    const { t, normal } = hit;
    const [nx, ny, nz] = [normal[0]!, normal[1]!, normal[2]!];
    const [x, y, z] = [px + t * dx, py + t * dy, pz + t * dz];
    const size = Math.sqrt(dx * dx + dy * dy + dz * dz);
    const distance = t * size;
    const facing = nx * lx + ny * ly + nz * lz;
    const wrapped = Math.max(0, (facing + 0.12) / 1.12);
    const lit =
      wrapped > 0 && !inShadow(world, x + nx * 2e-3, y + ny * 2e-3, z + nz * 2e-3, lx, ly, lz) ? wrapped : 0;
    if (!hit.solid) {
      if (hit.surface === GROUND) ground(x, z, distance, out);
      else wall(x, y, out);
      const open =
        hit.surface === GROUND
          ? openness(x, z) * (world.wall > -50 ? 0.8 + 0.2 * smoothstep(0, 0.7, z - world.wall) : 1)
          : 0.86 + 0.14 * smoothstep(0, 0.8, y);
      for (let i = 0; i < 3; i++) {
        const full = ambient[i as 0]! + sun[i as 0]! * wrapped;
        out[i] = (out[i]! * (ambient[i as 0]! * open + sun[i as 0]! * lit * (0.5 + 0.5 * open))) / full;
      }
    } else {
      const { solid } = hit;
      const up = 0.5 + 0.5 * ny;
      const open = 0.72 + 0.28 * smoothstep(-0.05, 0.5, y + 0.25 * (1 + ny));
      let shine = 0;
      if (lit > 0 && solid.gloss > 0) {
        const [hx, hy, hz] = [lx - dx / size, ly - dy / size, lz - dz / size];
        const half = (nx * hx + ny * hy + nz * hz) / Math.sqrt(hx * hx + hy * hy + hz * hz);
        shine = half > 0.8 ? 0.55 * solid.gloss * half ** 48 : 0;
      }
      const albedo = [solid.r, solid.g, solid.b];
      for (let i = 0; i < 3; i++) {
        const sky = (bounce[i as 0]! + (ambient[i as 0]! - bounce[i as 0]!) * up) * open;
        out[i] = albedo[i]! * (sky + sun[i as 0]! * lit + solid.glow) + shine * sun[i as 0]!;
      }
    }
    if (haze > 0 && distance > start) {
      const share = 1 - Math.exp(-haze * (distance - start));
      for (let i = 0; i < 3; i++) out[i] = out[i]! + (distant[i]! - out[i]!) * share;
    }
  };
}
