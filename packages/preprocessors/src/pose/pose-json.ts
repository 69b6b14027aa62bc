import { ControlNetError } from "@controlnet-js/core";
import { toOpenPose } from "./convert-skeleton.js";
import { assertPerson } from "./draw-poses.js";
import { KEYPOINT_COUNTS, type Keypoint, type Keypoints, type Person, type PoseScene } from "./pose.js";

/** OpenPose's output file, as the web UI's editors exchange it: triples of x, y and confidence, 0 where missing. */
export interface OpenPoseJson {
  canvas_width: number;
  canvas_height: number;
  people: {
    pose_keypoints_2d: number[];
    hand_left_keypoints_2d?: number[] | null;
    hand_right_keypoints_2d?: number[] | null;
    face_keypoints_2d?: number[] | null;
  }[];
}

const FIELDS = {
  body: "pose_keypoints_2d",
  leftHand: "hand_left_keypoints_2d",
  rightHand: "hand_right_keypoints_2d",
  face: "face_keypoints_2d",
} as const;

/** A scene as OpenPose's JSON, positions in pixels. */
export function writePoseJson(scene: PoseScene): OpenPoseJson {
  const triples = (keypoints: Keypoints | undefined) =>
    keypoints?.flatMap((k) => (k ? [k.x, k.y, k.score ?? 1] : [0, 0, 0])) ?? null;
  return {
    people: scene.people.map((person) => ({
      pose_keypoints_2d: triples(person.body) ?? [],
      face_keypoints_2d: triples(person.face),
      hand_left_keypoints_2d: triples(person.leftHand),
      hand_right_keypoints_2d: triples(person.rightHand),
    })),
    canvas_height: scene.height,
    canvas_width: scene.width,
  };
}

/**
 * Reads OpenPose's JSON: 18 joints or BODY_25, positions in pixels or, where all of a part's lie in [0, 1], as
 * parts of the canvas.
 * @param json the parsed file, not trusted
 * @throws ControlNetError `format` that names the field
 */
export function readPoseJson(json: unknown): PoseScene {
  const file = record(json, "the file");
  const width = size(file, "canvas_width");
  const height = size(file, "canvas_height");
  if (!Array.isArray(file.people)) throw formatError(`people: expected a list, got ${typeof file.people}`);
  const people = file.people.map((entry: unknown, i) => {
    const fields = record(entry, `people[${i}]`);
    const part = (name: keyof typeof FIELDS) => {
      const count = KEYPOINT_COUNTS[name];
      return keypoints(fields[FIELDS[name]], `people[${i}].${FIELDS[name]}`, count, width, height);
    };
    const person: Person = { body: part("body") ?? Array<null>(KEYPOINT_COUNTS.body).fill(null) };
    for (const name of ["leftHand", "rightHand", "face"] as const) {
      const found = part(name);
      if (found) person[name] = found;
    }
    assertPerson("readPoseJson", person);
    return person;
  });
  return { width, height, people };
}

function formatError(message: string): ControlNetError {
  return new ControlNetError("format", `readPoseJson: ${message}`);
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw formatError(`${where}: expected an object, got ${JSON.stringify(value)?.slice(0, 40)}`);
  return value as Record<string, unknown>;
}

function size(file: Record<string, unknown>, field: string): number {
  const value = file[field];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 32768)
    throw formatError(`${field}: expected 1 to 32768 pixels, got ${JSON.stringify(value)}`);
  return value;
}

function keypoints(
  value: unknown,
  where: string,
  count: number,
  width: number,
  height: number,
): (Keypoint | null)[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((v): v is number => typeof v === "number" && Number.isFinite(v)))
    throw formatError(`${where}: expected a list of finite numbers`);
  if (value.length === 0) return undefined;
  const isBody25 = count === KEYPOINT_COUNTS.body && value.length === 75;
  if (value.length !== count * 3 && !isBody25)
    throw formatError(`${where}: expected ${count * 3} numbers, got ${value.length}`);
  const triples = Array.from({ length: value.length / 3 }, (_, i) => value.slice(i * 3, i * 3 + 3));
  const present = triples.filter(([, , confidence]) => confidence! > 0);
  const isRelative = present.every(([x, y]) => Math.abs(x!) <= 1 && Math.abs(y!) <= 1);
  const points = triples.map(([x, y, score]): Keypoint | null => {
    if (!(score! > 0)) return null;
    return isRelative ? { x: x! * width, y: y! * height, score: score! } : { x: x!, y: y!, score: score! };
  });
  return isBody25 ? toOpenPose(points, "body-25", { minScore: 0 }) : points;
}
