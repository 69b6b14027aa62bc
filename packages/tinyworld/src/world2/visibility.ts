import { rayThrough, type View } from "../camera.js";
import { intersect } from "../intersect.js";
import type { World } from "../world.js";

/** How much is seen of an object, as shares of the picture: with the others, and if it stood alone. */
export interface Visibility {
  visible: number;
  whole: number;
}

/** Side of the grid of rays. */
const SIDE = 40;

/** How much of each object is in the picture and not hidden, by a coarse grid of rays. */
export function visibilityOf(
  { solids, starts, bounds }: Pick<World, "solids" | "starts" | "bounds">,
  view: View,
): Visibility[] {
  const count = starts.length - 1;
  const seen = Array.from({ length: count }, () => ({ visible: 0, whole: 0 }));
  const [px, py, pz] = view.position;
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const [dx, dy, dz] = rayThrough(view, x + 0.5, y + 0.5, SIDE, SIDE);
      const dd = dx * dx + dy * dy + dz * dz;
      let nearest = Infinity;
      let who = -1;
      for (let i = 0; i < count; i++) {
        const [ox, oy, oz] = [bounds[4 * i]! - px, bounds[4 * i + 1]! - py, bounds[4 * i + 2]! - pz];
        const along = ox * dx + oy * dy + oz * dz;
        if (ox * ox + oy * oy + oz * oz - (along * along) / dd > bounds[4 * i + 3]! ** 2) continue;
        let own = Infinity;
        for (let j = starts[i]!; j < starts[i + 1]!; j++)
          own = Math.min(own, intersect(solids[j]!, px, py, pz, dx, dy, dz, 1e-3));
        if (own === Infinity) continue;
        seen[i]!.whole += 1 / (SIDE * SIDE);
        if (own < nearest) [nearest, who] = [own, i];
      }
      if (who >= 0) seen[who]!.visible += 1 / (SIDE * SIDE);
    }
  return seen;
}
