/** How the learning rate runs over a training: what it is multiplied with at step `step` (from 0) out of `steps`. */
export type Schedule = (step: number, steps: number) => number;

/** How a schedule begins and ends. */
export interface ScheduleOptions {
  /** Steps on a line up to 1. Default 0. */
  warmUpSteps?: number;
  /** Where it ends after the last step. Default 0. */
  finalFraction?: number;
}

/** Warm-up, then 1. */
export const constantRate = ({ warmUpSteps }: Pick<ScheduleOptions, "warmUpSteps"> = {}): Schedule =>
  falling({ warmUpSteps }, () => 1);

/** Warm-up, then a line from 1 to the last part. */
export const linearRate = (options: ScheduleOptions = {}): Schedule =>
  falling(options, (progress) => 1 - progress);

/** Warm-up, then half a cosine from 1 to the last part. */
export const cosineRate = (options: ScheduleOptions = {}): Schedule =>
  falling(options, (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)));

/** All of them by the names that configs have. */
export const schedules = { constant: constantRate, linear: linearRate, cosine: cosineRate } as const;

function falling(
  { warmUpSteps = 0, finalFraction = 0 }: { [K in keyof ScheduleOptions]: ScheduleOptions[K] | undefined },
  left: (progress: number) => number,
): Schedule {
  return (step, steps) => {
    if (step < warmUpSteps) return (step + 1) / warmUpSteps;
    const progress = Math.min(1, (step - warmUpSteps) / Math.max(1, steps - warmUpSteps));
    return finalFraction + (1 - finalFraction) * left(progress);
  };
}
