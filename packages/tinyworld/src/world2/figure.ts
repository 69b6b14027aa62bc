import { block, dome, limb, type Part, sphere } from "../parts.js";
import { add, type Matrix, mix, multiply, rotation, scaleBy, transform, type Vector } from "../vector.js";
import type { Action } from "./actions.js";

/** Angles of an arm or a leg, radians; 0 hangs straight down. */
interface LimbAngles {
  /** To the side, away from the body. */
  out: number;
  /** To the front. */
  forward: number;
  /** About the upper half, which turns the plane of the bend inwards. */
  twist: number;
  /** Of elbow or knee. */
  bend: number;
}

/** All angles of a person. Limbs: the person's right, then its left. */
interface Posture {
  lean: number;
  sideways: number;
  twist: number;
  turn: number;
  nod: number;
  arms: [LimbAngles, LimbAngles];
  legs: [LimbAngles, LimbAngles];
  /** Metres that the feet are off the ground. */
  leap: number;
}

/**
 * Draws a posture within the limits of the joints: for an action from its own range, without one from all of them,
 * with a leg to stand on.
 */
export function postureOf(action: Action | "free", look: readonly number[]): Posture {
  let next = 8;
  const between = (low: number, high: number): number => low + (high - low) * look[next++]!;
  const swing = look[next++]! < 0.5;
  const mirror = <T>(pair: [T, T]): [T, T] => (swing ? pair : [pair[1], pair[0]]);
  const base = {
    lean: between(-0.08, 0.14),
    sideways: between(-0.1, 0.1),
    twist: between(-0.25, 0.25),
    turn: between(-0.7, 0.7),
    nod: between(-0.2, 0.3),
    leap: 0,
  };
  const hanging = (): LimbAngles => ({
    out: between(0.12, 0.4),
    forward: between(-0.2, 0.35),
    twist: between(-0.2, 0.6),
    bend: between(0.05, 0.7),
  });
  const straight = (): LimbAngles => ({
    out: between(0.04, 0.2),
    forward: between(-0.06, 0.08),
    twist: 0,
    bend: 0,
  });
  switch (action) {
    case "standing":
      return { ...base, arms: [hanging(), hanging()], legs: [straight(), straight()] };
    case "waving": {
      const raised = {
        out: between(1.7, 2.6),
        forward: between(-0.1, 0.4),
        twist: -1.4,
        bend: between(0.3, 1.2),
      };
      return { ...base, arms: mirror([raised, hanging()]), legs: [straight(), straight()] };
    }
    case "walking": {
      const [a, k] = [between(0.35, 0.62), between(0.2, 0.55)];
      return {
        ...base,
        arms: mirror([
          { out: 0.14, forward: a, twist: 0.3, bend: between(0.2, 0.7) },
          { out: 0.14, forward: -a, twist: 0.2, bend: between(0.1, 0.4) },
        ]),
        legs: mirror([
          { out: 0.04, forward: -a, twist: 0, bend: k },
          { out: 0.04, forward: a, twist: 0, bend: 0.08 },
        ]),
      };
    }
    case "running": {
      const a = between(0.6, 1.05);
      return {
        ...base,
        lean: between(0.2, 0.4),
        arms: mirror([
          { out: 0.16, forward: a, twist: 0.4, bend: between(1.2, 1.8) },
          { out: 0.2, forward: -0.8, twist: 0.3, bend: between(1.2, 1.7) },
        ]),
        legs: mirror([
          { out: 0.03, forward: -0.6 * a, twist: 0, bend: between(0.9, 1.6) },
          { out: 0.03, forward: a, twist: 0, bend: between(0.5, 1) },
        ]),
        leap: between(0, 0.08),
      };
    }
    case "sitting": {
      const folded = (): LimbAngles => ({
        out: between(0.08, 0.28),
        forward: between(1.35, 1.55),
        twist: 0,
        bend: between(1.2, 1.6),
      });
      const resting = (): LimbAngles => ({
        out: between(0.15, 0.5),
        forward: between(0.2, 0.7),
        twist: between(0, 0.7),
        bend: between(0.3, 1.2),
      });
      return { ...base, arms: [resting(), resting()], legs: [folded(), folded()] };
    }
    case "kneeling":
      return {
        ...base,
        arms: [hanging(), hanging()],
        legs: mirror([
          { out: 0.08, forward: between(1.35, 1.55), twist: 0, bend: between(1.4, 1.6) },
          { out: 0.08, forward: between(-0.05, 0.1), twist: 0, bend: 1.5 },
        ]),
      };
    case "dancing":
      return {
        ...base,
        sideways: between(-0.25, 0.25),
        twist: between(-0.5, 0.5),
        arms: mirror([
          { out: between(1.5, 2.5), forward: between(-0.1, 0.5), twist: -1.4, bend: between(0.4, 1.3) },
          { out: between(0.8, 1.5), forward: between(0, 0.6), twist: 1.3, bend: between(0.3, 1.1) },
        ]),
        legs: mirror([
          { out: 0.06, forward: 0, twist: 0, bend: 0 },
          { out: between(0.4, 0.85), forward: between(0, 0.5), twist: 0, bend: between(0.1, 0.8) },
        ]),
      };
    case "jumping": {
      const up = (): LimbAngles => ({
        out: between(2, 2.7),
        forward: between(-0.2, 0.4),
        twist: -1.2,
        bend: between(0, 0.5),
      });
      const apart = (): LimbAngles => ({
        out: between(0.2, 0.55),
        forward: between(-0.3, 0.7),
        twist: 0,
        bend: between(0.1, 1.3),
      });
      return { ...base, arms: [up(), up()], legs: [apart(), apart()], leap: between(0.18, 0.4) };
    }
    default: {
      const arm = (): LimbAngles => ({
        out: between(0.05, 2.6),
        forward: between(-0.6, 1.5),
        twist: between(-1.3, 1.3),
        bend: between(0, 2),
      });
      const stands = {
        out: between(0.02, 0.3),
        forward: between(-0.15, 0.15),
        twist: 0,
        bend: between(0, 0.2),
      };
      const other = {
        out: between(0.02, 0.7),
        forward: between(-0.5, 1.4),
        twist: between(-0.2, 0.3),
        bend: between(0, 1.8),
      };
      return {
        ...base,
        lean: between(-0.15, 0.5),
        sideways: between(-0.3, 0.3),
        twist: between(-0.5, 0.5),
        arms: [arm(), arm()],
        legs: mirror([stands, other]),
      };
    }
  }
}

const SKINS: Vector[] = [
  [244, 206, 178],
  [224, 174, 136],
  [176, 122, 84],
  [118, 78, 54],
];
const HAIR: Vector[] = [
  [46, 36, 34],
  [96, 64, 40],
  [206, 168, 98],
  [120, 118, 120],
];
const SHOES: Vector = [58, 52, 56];

/** A person in its own coordinates: on the ground at y = 0, facing +z, about 1.75 m tall where it stands. */
export interface Figure2 {
  parts: Part[];
  /** OpenPose's 18 joints. */
  joints: Vector[];
  /** The middles of the right and left hand. */
  hands: [Vector, Vector];
}

const chain = (...turns: Matrix[]): Matrix => turns.reduce(multiply);

/** Directions of a limb's halves in the frame `body`; `side` is +1 for the person's left (+x), `knee` bends backwards. */
function halves(body: Matrix, angles: LimbAngles, side: number, knee: boolean): [Vector, Vector, Matrix] {
  const upper = chain(
    body,
    rotation("z", side * angles.out),
    rotation("x", -angles.forward),
    rotation("y", -side * angles.twist),
  );
  const lower = multiply(upper, rotation("x", knee ? angles.bend : -angles.bend));
  return [transform(upper, [0, -1, 0]), transform(lower, [0, -1, 0]), lower];
}

/** Builds a person in clothes of one colour (sRGB 0-255). */
export function personOf(action: Action | "free", colour: Vector, look: readonly number[]): Figure2 {
  const posture = postureOf(action, look);
  const skin = SKINS[Math.floor(look[0]! * SKINS.length)]!;
  const hair = HAIR[Math.floor(look[1]! * HAIR.length)]!;
  const stout = 0.92 + 0.22 * look[2]!;
  const pelvis = multiply(rotation("z", -0.3 * posture.sideways), rotation("x", 0.15 * posture.lean));
  const chest = chain(
    rotation("y", posture.twist),
    rotation("z", posture.sideways),
    rotation("x", posture.lean),
  );
  const at = (point: Vector): Vector => transform(chest, point);
  const neck = at([0, 0.66, 0]);
  const headFrame = chain(
    chest,
    rotation("y", posture.turn),
    rotation("x", posture.nod - 0.6 * posture.lean),
  );
  const head = add(neck, transform(headFrame, [0, 0.31, 0.02]));
  const onHead = (point: Vector): Vector => add(head, transform(headFrame, point));
  const parts: Part[] = [
    limb(at([0, 0.04, 0]), at([0, 0.45, 0]), 0.22 * stout, colour),
    limb(at([-0.17, 0.55, 0]), at([0.17, 0.55, 0]), 0.15, colour),
    limb(at([0, 0.62, 0]), at([0, 0.78, 0]), 0.09, skin),
    sphere(head, [0.235, 0.26, 0.24], skin, { gloss: 0.1, rotation: headFrame }),
    dome(onHead([0, 0.035, -0.02]), [0.25, 0.255, 0.25], hair, {
      rotation: multiply(headFrame, rotation("x", -0.35)),
    }),
  ];
  // Long hair falls over the back of the head.
  if (look[3]! < 0.4)
    parts.push(sphere(onHead([0, -0.1, -0.1]), [0.24, 0.28, 0.18], hair, { rotation: headFrame }));
  const bones = ([0, 1] as const).map((i) => {
    const side = i === 0 ? -1 : 1;
    const shoulder = at([side * 0.25, 0.61, 0]);
    const [upperArm, lowerArm] = halves(chest, posture.arms[i], side, false);
    const elbow = add(shoulder, scaleBy(upperArm, 0.29));
    const wrist = add(elbow, scaleBy(lowerArm, 0.27));
    const hand = add(elbow, scaleBy(lowerArm, 0.33));
    const hip = transform(pelvis, [side * 0.13, 0, 0]);
    const [upperLeg, lowerLeg, shin] = halves(pelvis, posture.legs[i], side, true);
    const knee = add(hip, scaleBy(upperLeg, 0.36));
    const ankle = add(knee, scaleBy(lowerLeg, 0.36));
    const toe = add(ankle, transform(shin, [0, -0.06, 0.14]));
    parts.push(
      limb(shoulder, elbow, 0.1, colour),
      limb(elbow, mix(elbow, wrist, 0.8), 0.088, colour),
      sphere(hand, 0.095, skin),
      limb(hip, knee, 0.135 * stout, colour),
      limb(knee, ankle, 0.115, colour),
      limb(add(ankle, transform(shin, [0, -0.04, -0.02])), toe, 0.095, SHOES),
    );
    return { shoulder, elbow, wrist, hand, hip, knee, ankle, toe };
  });
  const [right, left] = bones as [(typeof bones)[0], (typeof bones)[0]];
  const lowest = Math.min(
    ...bones.flatMap(({ knee, ankle, toe, hand }) => [
      ankle[1] - 0.12,
      toe[1] - 0.095,
      knee[1] - 0.12,
      hand[1] - 0.095,
    ]),
  );
  if (action === "sitting")
    parts.push(block([0, (lowest - 0.15) / 2, -0.05], [0.26, (-0.15 - lowest) / 2, 0.22], [150, 128, 104]));
  const eyes = [onHead([-0.085, 0.03, 0.215]), onHead([0.085, 0.03, 0.215])] as const;
  const ears = [onHead([-0.245, 0, 0]), onHead([0.245, 0, 0])] as const;
  parts.push(
    sphere(eyes[0], 0.034, [40, 36, 40]),
    sphere(eyes[1], 0.034, [40, 36, 40]),
    sphere(onHead([0, -0.03, 0.24]), 0.036, skin),
    sphere(onHead([-0.23, 0, 0]), [0.035, 0.06, 0.05], skin, { rotation: headFrame }),
    sphere(onHead([0.23, 0, 0]), [0.035, 0.06, 0.05], skin, { rotation: headFrame }),
  );
  const lift = (point: Vector): Vector => [point[0], point[1] - lowest + posture.leap, point[2]];
  const joints = [
    onHead([0, -0.03, 0.26]),
    neck,
    right.shoulder,
    right.elbow,
    right.wrist,
    left.shoulder,
    left.elbow,
    left.wrist,
    right.hip,
    right.knee,
    right.ankle,
    left.hip,
    left.knee,
    left.ankle,
    ...eyes,
    ...ears,
  ];
  return {
    parts: parts.map((piece) => ({ ...piece, centre: lift(piece.centre) })),
    joints: joints.map(lift),
    hands: [lift(right.hand), lift(left.hand)],
  };
}
