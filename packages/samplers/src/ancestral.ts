/**
 * Splits a step from `from` to `to` into a deterministic part, down to `down`, and fresh noise of deviation `up`, so
 * that `down^2 + up^2 = to^2` (k-diffusion's `get_ancestral_step` with eta 1).
 */
export function ancestralStep(from: number, to: number): { down: number; up: number } {
  const up = Math.min(to, Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2));
  return { up, down: Math.sqrt(Math.max(0, to ** 2 - up ** 2)) };
}
