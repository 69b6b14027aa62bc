import type { ControlNetParams } from "@controlnet-js/controlnet";
import { leavesOf } from "@controlnet-js/core";
import { norm, tidy } from "@tensorflow/tfjs-core";
import type { ValidationGoal } from "./training-task.js";

/** Whether a ControlNet uses its hint, told by losses on held-out data. */
export interface HintUse {
  /** Mean loss with each picture's own map. */
  right: number;
  /** Mean loss with another picture's map, everything else the same. */
  wrong: number;
  /** `(wrong - right) / wrong`: 0 while the map is ignored. */
  gain: number;
  used: boolean;
}

/** From this gain on the hint counts as used. */
export const hintUsedFrom = 0.02;

/** Compares the losses with right and wrong maps. The training loss itself says nothing about it. */
export function hintUse(right: number, wrong: number): HintUse {
  const gain = (wrong - right) / wrong;
  return { right, wrong, gain, used: gain >= hintUsedFrom };
}

/** A run's goal: the hint was used in so many validations in a row, each by {@link hintUse}. */
export const untilHintUsed = (inARow: number): ValidationGoal => ({
  inARow,
  isMet: ({ hint_gain }) => hint_gain !== undefined && hint_gain >= hintUsedFrom,
});

/** L2 norm of all zero convolutions' kernels: 0 at first, growing once the links learn. */
export function linkNorm(params: ControlNetParams): number {
  const kernels = leavesOf(params.links).filter(({ path }) => path.endsWith("kernel"));
  const squares = kernels.map(({ value }) => tidy(() => norm(value).dataSync()[0]!) ** 2);
  return Math.sqrt(squares.reduce((a, b) => a + b, 0));
}

/**
 * The step of sudden convergence: the first validation from which on the hint was used every time, or undefined.
 * @param history steps in order with their gains
 */
export function convergenceStep(history: readonly { step: number; gain: number }[]): number | undefined {
  let since: number | undefined;
  for (const { step, gain } of history) {
    if (gain < hintUsedFrom) since = undefined;
    else since ??= step;
  }
  return since;
}
