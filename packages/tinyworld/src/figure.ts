import { dome, limb, type Part, sphere } from "./parts.js";
import { add, mix, rotation, scaleBy, transform, type Vector } from "./vector.js";

/** The 18 joints of OpenPose's COCO model, in its order. Left and right are the person's own. */
export const JOINTS = [
  "nose",
  "neck",
  "right shoulder",
  "right elbow",
  "right wrist",
  "left shoulder",
  "left elbow",
  "left wrist",
  "right hip",
  "right knee",
  "right ankle",
  "left hip",
  "left knee",
  "left ankle",
  "right eye",
  "left eye",
  "right ear",
  "left ear",
] as const;

/** How a person stands. */
export const POSES = ["standing", "waving", "walking", "cheering", "sitting", "dancing"] as const;

/** A pose's name, as captions use it. */
export type PoseName = (typeof POSES)[number];

/** Angles of a limb, radians: `out` to the side from hanging down, `forward` to the front, `bend` of its middle joint. */
interface Limb {
  out: number;
  forward: number;
  bend: number;
  /** Which way an arm bends: 0 to the front, 1 upwards and inwards. */
  inward?: number;
}

interface Pose {
  arms: { left: Limb; right: Limb };
  legs: { left: Limb; right: Limb };
}

const still: Limb = { out: 0.22, forward: 0.05, bend: 0.2 };
const leg: Limb = { out: 0.1, forward: 0, bend: 0 };

function poseOf(name: PoseName, look: readonly number[]): Pose {
  const swing = look[0]! < 0.5;
  const little = (look[1]! - 0.5) * 0.3;
  const legs = { left: leg, right: leg };
  switch (name) {
    case "standing":
      return {
        arms: { left: { ...still, out: 0.3 + little }, right: { ...still, out: 0.3 + little } },
        legs,
      };
    case "waving": {
      const raised: Limb = { out: 2.1 + little, forward: 0.1, bend: 0.8 + little, inward: 1 };
      return { arms: swing ? { left: raised, right: still } : { left: still, right: raised }, legs };
    }
    case "walking": {
      const ahead = 0.5 + little;
      const front: Limb = { out: 0.05, forward: ahead, bend: 0.1 };
      const behind: Limb = { out: 0.05, forward: -ahead, bend: 0.35 };
      const armAhead: Limb = { out: 0.15, forward: ahead, bend: 0.5 };
      const armBehind: Limb = { out: 0.15, forward: -ahead - 0.1, bend: 0.3 };
      return swing
        ? { arms: { left: armAhead, right: armBehind }, legs: { left: behind, right: front } }
        : { arms: { left: armBehind, right: armAhead }, legs: { left: front, right: behind } };
    }
    case "cheering": {
      const raised: Limb = { out: 2.65 + little, forward: 0.1, bend: 0.15, inward: 1 };
      return {
        arms: { left: raised, right: raised },
        legs: { left: { ...leg, out: 0.22 }, right: { ...leg, out: 0.22 } },
      };
    }
    case "sitting": {
      const folded: Limb = { out: 0.14, forward: 1.45, bend: 1.4 };
      return {
        arms: {
          left: { out: 0.25, forward: 0.45, bend: 0.6 },
          right: { out: 0.25, forward: 0.45, bend: 0.6 },
        },
        legs: { left: folded, right: folded },
      };
    }
    case "dancing": {
      const wide: Limb = { out: 1.5 + little, forward: 0.2, bend: 0.9, inward: 1 };
      const low: Limb = { out: 1.2 - little, forward: 0.2, bend: 0.7, inward: -1 };
      const kick: Limb = { out: 0.75, forward: 0.15, bend: 0.3 };
      return swing
        ? { arms: { left: wide, right: low }, legs: { left: leg, right: kick } }
        : { arms: { left: low, right: wide }, legs: { left: kick, right: leg } };
    }
  }
}

/** The direction of a limb's upper half and of its lower half; `side` is +1 for the person's left (+x). */
function directions(limbPose: Limb, side: number, arm: boolean): [Vector, Vector] {
  const { out, forward, bend, inward = 0 } = limbPose;
  const turn = (sideways: number, ahead: number): Vector => {
    const hanging = transform(rotation("x", -ahead), [0, -1, 0]);
    return transform(rotation("z", side * sideways), hanging);
  };
  const upper = turn(out, forward);
  if (!arm) return [upper, turn(out, forward - bend)];
  if (inward !== 0) return [upper, turn(out + inward * bend, forward)];
  return [upper, turn(out, forward + bend)];
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

/** A person's parts and joints in its own coordinates: feet at y = 0, facing +z, about 1.75 m tall. */
export interface Figure {
  parts: Part[];
  /** In the order of {@link JOINTS}. */
  joints: Vector[];
}

/** Builds a person in clothes of one colour (sRGB 0-255). `look` has at least 4 numbers in [0, 1). */
export function figureOf(pose: PoseName, colour: Vector, look: readonly number[]): Figure {
  const { arms, legs } = poseOf(pose, look);
  const skin = SKINS[Math.floor(look[2]! * SKINS.length)]!;
  const hair = HAIR[Math.floor(look[3]! * HAIR.length)]!;
  const parts: Part[] = [];
  const shoulderY = 0.66;
  const thigh = 0.36;
  const shin = 0.36;
  const hips: [Vector, Vector] = [
    [-0.13, 0, 0],
    [0.13, 0, 0],
  ];
  const neck: Vector = [0, shoulderY, 0];
  const shoulders: [Vector, Vector] = [
    [-0.25, shoulderY - 0.05, 0],
    [0.25, shoulderY - 0.05, 0],
  ];
  const head: Vector = [0, shoulderY + 0.31, 0.02];

  parts.push(
    limb([0, 0.04, 0], [0, 0.45, 0], 0.22, colour),
    limb([-0.17, 0.55, 0], [0.17, 0.55, 0], 0.15, colour),
    limb([0, shoulderY - 0.04, 0], [0, shoulderY + 0.12, 0], 0.09, skin),
    sphere(head, [0.235, 0.26, 0.24], skin, { gloss: 0.1 }),
    dome(add(head, [0, 0.035, -0.02]), [0.25, 0.255, 0.25], hair, { rotation: rotation("x", -0.35) }),
  );
  const bones = ([0, 1] as const).map((i) => {
    const side = i === 0 ? -1 : 1;
    const name = i === 0 ? "right" : "left";
    const [upperArm, lowerArm] = directions(arms[name], side, true);
    const elbow = add(shoulders[i], scaleBy(upperArm, 0.29));
    const wrist = add(elbow, scaleBy(lowerArm, 0.27));
    const hand = add(elbow, scaleBy(lowerArm, 0.33));
    parts.push(
      limb(shoulders[i], elbow, 0.1, colour),
      limb(elbow, mix(elbow, wrist, 0.8), 0.088, colour),
      sphere(hand, 0.095, skin),
    );
    const [upperLeg, lowerLeg] = directions(legs[name], side, false);
    const knee = add(hips[i], scaleBy(upperLeg, thigh));
    const ankle = add(knee, scaleBy(lowerLeg, shin));
    parts.push(
      limb(hips[i], knee, 0.135, colour),
      limb(knee, ankle, 0.115, colour),
      limb(add(ankle, [0, -0.04, -0.01]), add(ankle, [0, -0.06, 0.13]), 0.1, SHOES),
    );
    return { elbow, wrist, knee, ankle };
  });
  const [right, left] = bones as [(typeof bones)[0], (typeof bones)[0]];
  if (pose === "sitting") parts.push(...stool());
  const eye = (x: number): Vector => add(head, [x, 0.03, 0.215]);
  parts.push(
    sphere(eye(-0.085), 0.034, [40, 36, 40]),
    sphere(eye(0.085), 0.034, [40, 36, 40]),
    sphere(add(head, [0, -0.03, 0.24]), 0.036, skin),
    sphere(add(head, [-0.23, 0, 0]), [0.035, 0.06, 0.05], skin),
    sphere(add(head, [0.23, 0, 0]), [0.035, 0.06, 0.05], skin),
  );
  const joints: Vector[] = [
    add(head, [0, -0.03, 0.26]),
    neck,
    shoulders[0],
    right.elbow,
    right.wrist,
    shoulders[1],
    left.elbow,
    left.wrist,
    hips[0],
    right.knee,
    right.ankle,
    hips[1],
    left.knee,
    left.ankle,
    eye(-0.085),
    eye(0.085),
    add(head, [-0.245, 0, 0]),
    add(head, [0.245, 0, 0]),
  ];
  const lowest = Math.min(right.ankle[1], left.ankle[1]) - 0.17;
  const lift = (point: Vector): Vector => [point[0], point[1] - lowest, point[2]];
  return {
    parts: parts.map((piece) => ({ ...piece, centre: lift(piece.centre) })),
    joints: joints.map(lift),
  };
}

const stool = (): Part[] => [limb([-0.14, -0.34, 0], [0.14, -0.34, 0], 0.2, [150, 128, 104])];
