import type { Connection } from "./connect-joints.js";
import type { Peak } from "./find-peaks.js";
import { LIMBS, type Limb } from "./limbs.js";

/** A person in the making. */
export interface FoundBody {
  /** For each of the 18 joints which of its peaks, or -1. */
  joints: number[];
  /** Sum of the scores of joints and connections. */
  score: number;
  /** How many joints were found, as OpenPose counts them. */
  parts: number;
}

const MIN_PARTS = 4;
const MIN_SCORE = 0.4;

/**
 * Puts limbs together to people, limb after limb, and drops those with fewer than 4 joints or a mean score below 0.4
 * (controlnet_aux `open_pose/body.py`).
 * @param peaks of each joint
 * @param connections of each limb in the order of {@link LIMBS}
 */
export function gatherPeople(
  peaks: readonly (readonly Peak[])[],
  connections: readonly (readonly Connection[])[],
): FoundBody[] {
  const people: FoundBody[] = [];
  LIMBS.forEach((limb, k) => {
    for (const connection of connections[k]!) addLimb(people, limb, connection, peaks);
  });
  return people.filter(({ parts, score }) => parts >= MIN_PARTS && score / parts >= MIN_SCORE);
}

function addLimb(
  people: FoundBody[],
  { from, to, joinsOnly }: Limb,
  connection: Connection,
  peaks: readonly (readonly Peak[])[],
): void {
  const scoreOfTo = peaks[to]![connection.to]!.score;
  const [first, second] = people.filter(
    ({ joints }) => joints[from] === connection.from || joints[to] === connection.to,
  );
  if (first && second) {
    const overlap = first.joints.some((peak, joint) => peak >= 0 && second.joints[joint]! >= 0);
    if (overlap) setTo(first, to, connection, scoreOfTo);
    else merge(people, first, second, connection.score);
  } else if (first) {
    if (first.joints[to] !== connection.to) setTo(first, to, connection, scoreOfTo);
  } else if (!joinsOnly) {
    const joints = Array<number>(18).fill(-1);
    joints[from] = connection.from;
    joints[to] = connection.to;
    const score = peaks[from]![connection.from]!.score + scoreOfTo + connection.score;
    people.push({ joints, score, parts: 2 });
  }
}

function setTo(person: FoundBody, to: number, connection: Connection, scoreOfTo: number): void {
  person.joints[to] = connection.to;
  person.parts++;
  person.score += scoreOfTo + connection.score;
}

function merge(people: FoundBody[], into: FoundBody, other: FoundBody, score: number): void {
  into.joints = into.joints.map((peak, joint) => Math.max(peak, other.joints[joint]!));
  into.parts += other.parts;
  into.score += other.score + score;
  people.splice(people.indexOf(other), 1);
}
