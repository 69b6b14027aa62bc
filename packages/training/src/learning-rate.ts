/** How the learning rate runs over a training: linear warm-up, then constant or a cosine to a last value. */
export interface LearningRate {
  /** The rate after warm-up. */
  peak: number;
  warmUpSteps: number;
  schedule: "constant" | "cosine";
  /** For `"cosine"`: where the rate ends, as a part of `peak`. */
  finalFraction: number;
}

/** The learning rate of step `step` (from 0) out of `steps`. */
export function learningRateAt(
  { peak, warmUpSteps, schedule, finalFraction }: LearningRate,
  step: number,
  steps: number,
): number {
  if (step < warmUpSteps) return (peak * (step + 1)) / warmUpSteps;
  if (schedule === "constant") return peak;
  const progress = Math.min(1, (step - warmUpSteps) / Math.max(1, steps - warmUpSteps));
  return peak * (finalFraction + (1 - finalFraction) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}
