/** The courses that a learning rate may take after its warm-up. */
export const learningRateSchedules = ["constant", "linear", "cosine"] as const;

/** How the learning rate runs over a training: linear warm-up, then constant, or a line or cosine to a last value. */
export interface LearningRate {
  /** The rate after warm-up. */
  peak: number;
  /** Default 0. */
  warmUpSteps?: number;
  /** Default `"constant"`. */
  schedule?: (typeof learningRateSchedules)[number];
  /** For `"linear"` and `"cosine"`: where the rate ends, as a part of `peak`. Default 0. */
  finalFraction?: number;
}

/** The learning rate of step `step` (from 0) out of `steps`. */
export function learningRateAt(
  { peak, warmUpSteps = 0, schedule = "constant", finalFraction = 0 }: LearningRate,
  step: number,
  steps: number,
): number {
  if (step < warmUpSteps) return (peak * (step + 1)) / warmUpSteps;
  if (schedule === "constant") return peak;
  const progress = Math.min(1, (step - warmUpSteps) / Math.max(1, steps - warmUpSteps));
  const left = schedule === "linear" ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress));
  return peak * (finalFraction + (1 - finalFraction) * left);
}
