import { frustum, limb, type Part, sphere } from "../parts.js";
import { add, mix, multiply, rotation, transform, type Vector } from "../vector.js";
import type { Action } from "./actions.js";

/** Joints of an animal, in the order of AP-10K's 17 keypoints. Left and right are the animal's own. */
export const ANIMAL_JOINTS = [
  "left eye",
  "right eye",
  "nose",
  "neck",
  "root of tail",
  "left shoulder",
  "left elbow",
  "left front paw",
  "right shoulder",
  "right elbow",
  "right front paw",
  "left hip",
  "left knee",
  "left back paw",
  "right hip",
  "right knee",
  "right back paw",
] as const;

/** Proportions of an animal, metres. */
interface Build {
  length: number;
  thick: number;
  upperLeg: number;
  lowerLeg: number;
  legRadius: number;
  neck: number;
  /** Of the neck above the back, radians. */
  neckUp: number;
  head: number;
  snout: number;
}

const DOG: Build = {
  length: 0.86,
  thick: 0.24,
  upperLeg: 0.3,
  lowerLeg: 0.3,
  legRadius: 0.085,
  neck: 0.26,
  neckUp: 0.9,
  head: 0.21,
  snout: 0.24,
};
const HORSE: Build = {
  length: 1.15,
  thick: 0.33,
  upperLeg: 0.46,
  lowerLeg: 0.46,
  legRadius: 0.095,
  neck: 0.66,
  neckUp: 0.85,
  head: 0.19,
  snout: 0.4,
};

/** Angles of a leg, radians: the whole to the front, and the bend of its middle joint. */
type LegAngles = readonly [forward: number, bend: number];

/** Legs: left front, right front, left back, right back. */
interface Gait {
  pitch: number;
  legs: readonly [LegAngles, LegAngles, LegAngles, LegAngles];
  neck: number;
  turn: number;
  leap: number;
}

function gaitOf(action: Action | "free", look: readonly number[]): Gait {
  let next = 8;
  const between = (low: number, high: number): number => low + (high - low) * look[next++]!;
  const swing = look[next++]! < 0.5 ? 1 : -1;
  const rest = { pitch: 0, neck: between(-0.2, 0.3), turn: between(-0.8, 0.8), leap: 0 };
  const small = (): LegAngles => [between(-0.1, 0.1), between(0, 0.08)];
  switch (action) {
    case "walking": {
      const a = between(0.25, 0.5) * swing;
      const leg = (sign: number): LegAngles => [sign * a, sign * a < 0 ? 0.3 : 0.08];
      return { ...rest, legs: [leg(1), leg(-1), leg(-1), leg(1)] };
    }
    case "running": {
      const a = between(0.6, 0.95);
      const [front, back] = swing > 0 ? [a, -a] : [-0.4 * a, 0.7 * a];
      const leg = (angle: number): LegAngles => [angle + between(-0.15, 0.15), between(0.1, 0.7)];
      return {
        ...rest,
        pitch: between(-0.12, 0.18),
        legs: [leg(front), leg(front), leg(back), leg(back)],
        neck: between(-0.3, 0),
        leap: between(0, 0.1),
      };
    }
    case "sitting":
      return {
        ...rest,
        pitch: between(0.6, 0.8),
        legs: [
          [-0.66, 0],
          [-0.66, 0],
          [0.75, 2.6],
          [0.75, 2.6],
        ],
        neck: between(-0.5, -0.2),
      };
    case "grazing":
      return {
        ...rest,
        legs: [small(), small(), small(), small()],
        neck: between(-2, -1.7),
        turn: between(-0.3, 0.3),
      };
    case "free": {
      const leg = (): LegAngles => [between(-0.45, 0.45), between(0, 0.5)];
      return {
        ...rest,
        pitch: between(-0.08, 0.12),
        legs: [leg(), leg(), small(), leg()],
        neck: between(-0.8, 0.4),
      };
    }
    default:
      return { ...rest, legs: [small(), small(), small(), small()] };
  }
}

/** An animal's parts and joints in its own coordinates: on the ground at y = 0, its head towards +x. */
export interface Animal {
  parts: Part[];
  /** In the order of {@link ANIMAL_JOINTS}. */
  joints: Vector[];
}

/** Builds an animal with a coat of one colour (sRGB 0-255). */
export function animalOf(
  kind: "dog" | "horse",
  action: Action | "free",
  colour: Vector,
  look: readonly number[],
): Animal {
  const build = kind === "dog" ? DOG : HORSE;
  const gait = gaitOf(action, look);
  const stretch = 0.92 + 0.16 * look[0]!;
  const half = (build.length * stretch) / 2;
  const thick = build.thick * (0.92 + 0.16 * look[1]!);
  const dark: Vector = [colour[0] * 0.55, colour[1] * 0.55, colour[2] * 0.55];
  const bright = colour[0] + colour[1] + colour[2] > 150;
  const ink: Vector = bright ? [30, 28, 32] : [226, 224, 220];
  const body = rotation("z", gait.pitch);
  const at = (point: Vector): Vector => transform(body, point);
  const chest = at([half * 0.8, 0, 0]);
  const rump = at([-half * 0.8, 0, 0]);
  const parts: Part[] = [
    limb(at([-half * 0.75, 0, 0]), at([half * 0.75, 0, 0]), thick, colour),
    sphere(chest, [thick * 1.05, thick * 1.12, thick], colour, { rotation: body }),
    sphere(rump, [thick * 1.05, thick * 1.06, thick], colour, { rotation: body }),
  ];
  const legs = gait.legs.map(([forward, bend], i) => {
    const front = i < 2;
    const side = i % 2 === 0 ? -1 : 1;
    const top = at([front ? half * 0.82 : -half * 0.82, -thick * 0.35, side * thick * 0.62]);
    // In the animal's own frame a positive turn about z swings a hanging leg to the front (+x).
    const upper = multiply(body, rotation("z", forward));
    const lower = multiply(upper, rotation("z", -bend));
    const knee = add(top, transform(upper, [0, -build.upperLeg, 0]));
    const paw = add(knee, transform(lower, [0, -build.lowerLeg, 0]));
    parts.push(limb(top, knee, build.legRadius * 1.25, colour), limb(knee, paw, build.legRadius, colour));
    if (kind === "horse")
      parts.push(frustum(add(paw, [0, -0.1, 0]), add(paw, [0, 0.04, 0]), 0.12, 0.09, ink));
    else parts.push(sphere(add(paw, [0.04, -0.01, 0]), [0.12, 0.075, 0.085], dark));
    return { top, knee, paw };
  });
  const lowest = Math.min(
    ...legs.flatMap(({ knee, paw }) => [
      paw[1] - (kind === "horse" ? 0.1 : 0.085),
      knee[1] - build.legRadius,
    ]),
    rump[1] - thick * 1.06,
  );
  const neckFrame = multiply(
    rotation("y", gait.turn * 0.4),
    rotation("z", gait.pitch * 0.4 + build.neckUp + gait.neck),
  );
  const neckRoot = at([half * 0.95, thick * 0.35, 0]);
  const neckTop = add(neckRoot, transform(neckFrame, [build.neck, 0, 0]));
  // Whatever the neck does, the snout points a little down, and straight down where the head is low.
  const nod = gait.neck < -1 ? -1.2 : -0.35;
  const headFrame = multiply(rotation("y", gait.turn), rotation("z", nod));
  const onHead = (point: Vector): Vector => add(neckTop, transform(headFrame, point));
  const h = build.head;
  parts.push(
    limb(neckRoot, neckTop, kind === "horse" ? 0.17 : 0.16, colour),
    sphere(neckTop, [h * 1.15, h, h * 0.9], colour, { rotation: headFrame }),
    limb(
      onHead([h * 0.5, -h * 0.25, 0]),
      onHead([h * 0.5 + build.snout * 0.75, -h * 0.35, 0]),
      h * 0.56,
      colour,
    ),
    sphere(onHead([h + build.snout * 0.85, -h * 0.3, 0]), h * 0.3, ink),
  );
  const eyes = ([-1, 1] as const).map((side) => onHead([h * 0.72, h * 0.35, side * h * 0.66]));
  for (const [i, side] of ([-1, 1] as const).entries()) {
    parts.push(sphere(eyes[i]!, h * 0.2, ink));
    parts.push(
      kind === "dog"
        ? sphere(onHead([-h * 0.25, h * 0.35, side * h * 0.92]), [h * 0.35, h * 0.75, h * 0.22], dark, {
            rotation: headFrame,
          })
        : frustum(
            onHead([-h * 0.35, h * 0.7, side * h * 0.5]),
            onHead([-h * 0.35, h * 1.6, side * h * 0.55]),
            h * 0.3,
            0,
            colour,
          ),
    );
  }
  const tailRoot = at([-half * 0.8 - thick * 0.9, thick * 0.4, 0]);
  if (kind === "dog") {
    const wag = (look[2]! - 0.5) * 0.4;
    parts.push(limb(tailRoot, add(tailRoot, transform(body, [-0.24, 0.32, wag])), 0.06, colour));
  } else {
    parts.push(limb(tailRoot, add(tailRoot, [-0.2, -0.62, (look[2]! - 0.5) * 0.2]), 0.09, dark));
    const crest = transform(neckFrame, [0, 0.15, 0]);
    parts.push(limb(add(neckRoot, crest), add(mix(neckRoot, neckTop, 1.02), crest), 0.085, dark));
  }
  const lift = (point: Vector): Vector => [point[0], point[1] - lowest + gait.leap, point[2]];
  const [lf, rf, lb, rb] = legs as [(typeof legs)[0], (typeof legs)[0], (typeof legs)[0], (typeof legs)[0]];
  const joints = [
    ...eyes,
    onHead([h + build.snout, -h * 0.3, 0]),
    neckRoot,
    tailRoot,
    ...[lf, rf, lb, rb].flatMap(({ top, knee, paw }) => [top, knee, paw]),
  ];
  return {
    parts: parts.map((piece) => ({ ...piece, centre: lift(piece.centre) })),
    joints: joints.map(lift),
  };
}
