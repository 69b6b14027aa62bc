import type { Image } from "@controlnet-js/core";
import type { Peak } from "./find-peaks.js";

/** A limb between two found joints. */
export interface Connection {
  /** Which peak of the first joint, and which of the second. */
  from: number;
  to: number;
  /** How well the field between them agrees. */
  score: number;
}

const SAMPLES = 10;
const FIELD_THRESHOLD = 0.05;
/** The part of the samples that has to lie in the field. */
const AGREEING = 0.8;

/**
 * Joins two joints' peaks by the field of the limb between them: the best pairs first, each peak once (Cao et al., 2017,
 * section 2.3, equations 10 and 11; 10 samples along each pair, limbs longer than half the picture's height score less).
 * @param fieldX the x component of the limb's part-affinity field, of the picture's size
 * @param fieldY its y component
 */
export function connectJoints(
  from: readonly Peak[],
  to: readonly Peak[],
  fieldX: Image<Float32Array>,
  fieldY: Image<Float32Array>,
): Connection[] {
  const candidates: Connection[] = [];
  from.forEach((a, i) => {
    to.forEach((b, j) => {
      const score = pairScore(a, b, fieldX, fieldY);
      if (score !== undefined) candidates.push({ from: i, to: j, score });
    });
  });
  candidates.sort((a, b) => b.score - a.score);
  const usedFrom = new Set<number>();
  const usedTo = new Set<number>();
  return candidates.filter((candidate) => {
    if (usedFrom.has(candidate.from) || usedTo.has(candidate.to)) return false;
    usedFrom.add(candidate.from);
    usedTo.add(candidate.to);
    return true;
  });
}

/** The mean of the field along the pair, less what it is too long; undefined where they don't belong together. */
function pairScore(
  a: Peak,
  b: Peak,
  fieldX: Image<Float32Array>,
  fieldY: Image<Float32Array>,
): number | undefined {
  const length = Math.max(0.001, Math.hypot(b.x - a.x, b.y - a.y));
  const [dx, dy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  let sum = 0;
  let agreeing = 0;
  for (let k = 0; k < SAMPLES; k++) {
    const part = k / (SAMPLES - 1);
    const x = Math.round(a.x + (b.x - a.x) * part);
    const y = Math.round(a.y + (b.y - a.y) * part);
    const at = y * fieldX.width + x;
    const along = fieldX.data[at]! * dx + fieldY.data[at]! * dy;
    sum += along;
    if (along > FIELD_THRESHOLD) agreeing++;
  }
  const score = sum / SAMPLES + Math.min((0.5 * fieldX.height) / length - 1, 0);
  return agreeing > AGREEING * SAMPLES && score > 0 ? score : undefined;
}
