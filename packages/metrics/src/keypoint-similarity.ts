import type { Person, PoseScene } from "@controlnet-js/preprocessors";

/** COCO's sigmas (`cocoeval.py`) in the order of OpenPose's 18 joints; the neck, which COCO lacks, has a shoulder's. */
const sigmas = [
  0.026, 0.079, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089, 0.107, 0.087, 0.089, 0.025,
  0.025, 0.035, 0.035,
] as const;

/** The part of the box around a person's joints that stands for its area, where no outline is known (as of CrowdPose). */
const AREA_OF_BOX = 0.53;

/**
 * Object keypoint similarity of two people's bodies: the mean over the wanted joints of `exp(-d^2 / (2 s^2 (2 sigma)^2))`,
 * d being how far the found joint is from the wanted one and s^2 the wanted person's area (COCO's keypoint evaluation). A
 * joint that was not found counts 0.
 * @returns 0 to 1; NaN where the wanted person has no joint
 */
export function keypointSimilarity(found: Person, wanted: Person): number {
  const joints = wanted.body.flatMap((joint, i) => (joint ? [{ ...joint, i }] : []));
  const side = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
  // A single joint has a box of no size; a pixel is the least that can be seen.
  const box = Math.max(1, side(joints.map(({ x }) => x))) * Math.max(1, side(joints.map(({ y }) => y)));
  let sum = 0;
  for (const { x, y, i } of joints) {
    const other = found.body[i];
    if (!other) continue;
    const distance = (other.x - x) ** 2 + (other.y - y) ** 2;
    sum += Math.exp(-distance / (2 * AREA_OF_BOX * box * (2 * sigmas[i]!) ** 2));
  }
  return sum / joints.length;
}

/**
 * {@link keypointSimilarity} of the people of two scenes: pairs are made from the most similar one on, and both a person
 * who is missing and one too many count 0.
 * @returns 0 to 1; undefined where nobody is wanted
 */
export function poseSimilarity(found: PoseScene, wanted: PoseScene): number | undefined {
  const people = wanted.people.filter(({ body }) => body.some((joint) => joint !== null));
  if (people.length === 0) return undefined;
  const pairs = people
    .flatMap((person) =>
      found.people.map((other) => ({ person, other, score: keypointSimilarity(other, person) })),
    )
    .sort((a, b) => b.score - a.score);
  const [met, used] = [new Set<Person>(), new Set<Person>()];
  let sum = 0;
  for (const { person, other, score } of pairs) {
    if (met.has(person) || used.has(other)) continue;
    met.add(person);
    used.add(other);
    sum += score;
  }
  return sum / Math.max(people.length, found.people.length);
}
