/**
 * The factor by which a loss is multiplied before its gradients are taken, so that small gradients do not vanish in
 * float16 (Micikevicius et al., "Mixed Precision Training", 2018). Plain numbers: part of a run's saved progress.
 */
export interface LossScale {
  scale: number;
  /** Steps since the scale last changed. */
  stable: number;
  /** Steps left out so far because their gradients overflowed. */
  skipped: number;
}

/** Values of PyTorch's `GradScaler`. */
export const initialLossScale: LossScale = { scale: 2 ** 16, stable: 0, skipped: 0 };
const growthInterval = 2000;

/**
 * The scale for the next step: half after gradients that overflowed, twice after 2,000 steps that did not.
 * @returns undefined where gradients overflow although nothing is scaled any more: they are not numbers at all
 */
export function nextLossScale(
  { scale, stable, skipped }: LossScale,
  overflowed: boolean,
): LossScale | undefined {
  if (overflowed)
    return scale > 1 ? { scale: Math.max(1, scale / 2), stable: 0, skipped: skipped + 1 } : undefined;
  if (stable + 1 < growthInterval) return { scale, stable: stable + 1, skipped };
  return { scale: scale * 2, stable: 0, skipped };
}
