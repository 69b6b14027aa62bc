import { BODY_LIMBS } from "@controlnet-js/preprocessors";

/** A limb of OpenPose's body. */
export interface Limb {
  /** Indices of its joints. */
  from: number;
  to: number;
  /** Where its field's x component is among the 38 channels; y follows. */
  field: number;
  /** Whether it only completes or joins people and never begins one. */
  joinsOnly: boolean;
}

/** Where the field of each limb begins: the limbs that are drawn, then shoulders to ears. */
const FIELDS = [12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26];

/** Shoulder to ear, right and left: not drawn, but they hold a head and a body without a neck together. */
const SHOULDERS_TO_EARS = [
  [2, 16],
  [5, 17],
] as const;

/** The 19 limbs in the order in which people are put together. */
export const LIMBS: readonly Limb[] = [...BODY_LIMBS, ...SHOULDERS_TO_EARS].map(([from, to], i) => ({
  from,
  to,
  field: FIELDS[i]!,
  joinsOnly: i >= BODY_LIMBS.length,
}));
