import { ControlNetError } from "@controlnet-js/core";
import { toOpenPose } from "./convert-skeleton.js";
import { KEYPOINT_COUNTS, type Keypoint, type Keypoints, type PoseScene } from "./pose.js";

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
const partNames = Object.keys(FIELDS) as (keyof typeof FIELDS)[];

/** A person whose keypoints are still to be scaled. */
type ReadPerson = { body: (Keypoint | null)[] } & Partial<Record<keyof typeof FIELDS, (Keypoint | null)[]>>;

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
 * Reads OpenPose's JSON: 18 joints or BODY_25, faces of 70 landmarks or without the pupils. Positions are pixels or, where
 * all of the file's lie in [0, 1], parts of the canvas.
 * @param json the parsed file, not trusted
 * @param canvas the picture's size, for files that name none, as OpenPose itself writes them
 * @throws ControlNetError `format` that names the field
 */
export function readPoseJson(json: unknown, canvas?: { width: number; height: number }): PoseScene {
  const file = record(json, "the file");
  const width = size("canvas_width", file.canvas_width ?? canvas?.width);
  const height = size("canvas_height", file.canvas_height ?? canvas?.height);
  if (!Array.isArray(file.people)) throw formatError(`people: expected a list, got ${typeof file.people}`);
  const people = file.people.map((entry: unknown, i) => readPerson(entry, `people[${i}]`));
  const points = people.flatMap((person) => partNames.flatMap((name) => person[name] ?? []));
  const isRelative = points.every((point) => !point || (Math.abs(point.x) <= 1 && Math.abs(point.y) <= 1));
  for (const point of isRelative ? points : []) {
    if (!point) continue;
    point.x *= width;
    point.y *= height;
  }
  return { width, height, people };
}

function readPerson(entry: unknown, where: string): ReadPerson {
  const fields = record(entry, where);
  const person: ReadPerson = { body: Array<null>(KEYPOINT_COUNTS.body).fill(null) };
  for (const name of partNames) {
    const found = keypoints(fields[FIELDS[name]], `${where}.${FIELDS[name]}`, KEYPOINT_COUNTS[name]);
    if (found) person[name] = found;
  }
  return person;
}

function formatError(message: string): ControlNetError {
  return new ControlNetError("format", `readPoseJson: ${message}`);
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw formatError(`${where}: expected an object, got ${JSON.stringify(value)?.slice(0, 40)}`);
  return value as Record<string, unknown>;
}

function size(field: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 32768) return value;
  const hint = value === undefined ? "; OpenPose's own files have none: give the size of the picture" : "";
  throw formatError(`${field}: expected 1 to 32768 pixels, got ${JSON.stringify(value)}${hint}`);
}

/** Positions beyond it are no pixels; those of people outside the picture lie far below. */
const isPosition = (value: unknown): value is number => typeof value === "number" && Math.abs(value) < 1e6;

/** OpenPose's other body, and a face without pupils, by how many keypoints they have. */
const BODY_25 = 25;
const FACE_68 = 68;

function keypoints(value: unknown, where: string, count: number): (Keypoint | null)[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every(isPosition))
    throw formatError(`${where}: expected a list of finite numbers below a million`);
  if (value.length === 0) return undefined;
  const isBody25 = count === KEYPOINT_COUNTS.body && value.length === 3 * BODY_25;
  const isFace68 = count === KEYPOINT_COUNTS.face && value.length === 3 * FACE_68;
  if (value.length !== count * 3 && !isBody25 && !isFace68)
    throw formatError(`${where}: expected ${count * 3} numbers, got ${value.length}`);
  const points = Array.from({ length: value.length / 3 }, (_, i): Keypoint | null => {
    const [x, y, score] = value.slice(3 * i, 3 * i + 3) as [number, number, number];
    return score > 0 ? { x, y, score } : null;
  });
  if (isBody25) return toOpenPose(points, "body-25", { minScore: 0 });
  return isFace68 ? [...points, null, null] : points;
}
