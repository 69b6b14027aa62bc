import { ControlNetError } from "@controlnet-js/core";
import { type Colour, drawThickLine, ellipsePolygon, fillCircle, fillConvexPolygon } from "../draw.js";
import { assertImage, type ByteImage, blankImage } from "../image.js";
import { roundHalfEven } from "../round-half-even.js";
import {
  BODY_COLOURS,
  BODY_LIMBS,
  HAND_BONES,
  KEYPOINT_COUNTS,
  type Keypoint,
  type Keypoints,
  type Person,
  type PoseScene,
} from "./pose.js";

/** What {@link drawPoses} can be asked. */
export interface DrawPosesOptions {
  /**
   * `"1.1"` (default): opaque limbs at 60 % of their colour, joints over them, as the web UI and `controlnet_aux`
   * draw. `"1.0"`: joints first, limbs laid over them at 60 %, as the first ControlNets were trained with.
   */
  version?: "1.0" | "1.1";
  /** Which parts to draw; all by default. */
  body?: boolean;
  hands?: boolean;
  face?: boolean;
}

const HALF_WIDTH = 4;
const HAND_COLOURS = HAND_BONES.map((_, i) => hueColour(i / HAND_BONES.length));

/**
 * Draws people as the pose ControlNets expect them: coloured bones on black, equal to the reference renderers
 * (ControlNet `annotator/openpose/util.py`, controlnet_aux `open_pose/util.py`).
 * @returns `[height, width, 3]`, RGB; black where there are no people
 * @throws ControlNetError `shape` for a person with another number of keypoints, `range` for positions that are
 * not finite
 */
export function drawPoses(scene: PoseScene, options: DrawPosesOptions = {}): ByteImage {
  const { version = "1.1", body = true, hands = true, face = true } = options;
  const canvas = blankImage(scene.width, scene.height, 3);
  assertImage("drawPoses", canvas);
  for (const person of scene.people) assertPerson("drawPoses", person);
  const parts = (person: Person) => {
    if (hands) for (const hand of [person.leftHand, person.rightHand]) if (hand) drawHand(canvas, hand);
    if (face && person.face) drawFace(canvas, person.face);
  };
  if (version === "1.1")
    for (const person of scene.people) {
      if (body) drawBody(canvas, person.body);
      parts(person);
    }
  else {
    if (body) blendBodies(canvas, scene.people);
    for (const person of scene.people) parts(person);
  }
  return canvas;
}

/**
 * Throws unless each part has its number of keypoints, all at finite positions.
 * @throws ControlNetError `shape` or `range`
 */
export function assertPerson(where: string, person: Person): void {
  for (const part of ["body", "leftHand", "rightHand", "face"] as const) {
    const keypoints = person[part];
    if (keypoints === undefined) continue;
    if (keypoints.length !== KEYPOINT_COUNTS[part])
      throw new ControlNetError(
        "shape",
        `${where}: ${part} needs ${KEYPOINT_COUNTS[part]} keypoints, got ${keypoints.length}`,
      );
    for (const keypoint of keypoints)
      if (keypoint && !(Math.abs(keypoint.x) < 1e6 && Math.abs(keypoint.y) < 1e6))
        throw new ControlNetError(
          "range",
          `${where}: ${part} has a keypoint at (${keypoint.x}, ${keypoint.y})`,
        );
  }
}

const pixel = ({ x, y }: Keypoint) => ({ x: Math.trunc(x), y: Math.trunc(y) });

/** The ellipse around a limb: as long as the limb, eight pixels wide. */
function limbPolygon(a: Keypoint, b: Keypoint) {
  const centre = { x: Math.trunc((a.x + b.x) / 2), y: Math.trunc((a.y + b.y) / 2) };
  const length = Math.sqrt((a.y - b.y) ** 2 + (a.x - b.x) ** 2);
  const degrees = Math.trunc(Math.atan2(a.y - b.y, a.x - b.x) * (180 / Math.PI));
  return ellipsePolygon(centre, { x: Math.trunc(length / 2), y: HALF_WIDTH }, degrees);
}

function drawBody(canvas: ByteImage, body: Keypoints): void {
  BODY_LIMBS.forEach(([from, to], i) => {
    const a = body[from];
    const b = body[to];
    if (!a || !b) return;
    const colour = BODY_COLOURS[i]!.map((value) => Math.trunc(value * 0.6));
    fillConvexPolygon(canvas, limbPolygon(a, b), colour);
  });
  body.forEach((joint, i) => {
    if (joint) fillCircle(canvas, pixel(joint), 4, BODY_COLOURS[i]!);
  });
}

function blendBodies(canvas: ByteImage, people: readonly Person[]): void {
  BODY_COLOURS.forEach((colour, i) => {
    for (const { body } of people) {
      const joint = body[i];
      if (joint) fillCircle(canvas, pixel(joint), 4, colour);
    }
  });
  const mask = blankImage(canvas.width, canvas.height, 1);
  BODY_LIMBS.forEach(([from, to], i) => {
    for (const { body } of people) {
      const a = body[from];
      const b = body[to];
      if (a && b) blendPolygon(canvas, mask, limbPolygon(a, b), BODY_COLOURS[i]!);
    }
  });
}

/** Lays a colour at 60 % over a polygon; leaves `mask` as black as it was. */
function blendPolygon(
  canvas: ByteImage,
  mask: ByteImage,
  polygon: readonly { x: number; y: number }[],
  colour: Colour,
): void {
  const { data, width, height } = canvas;
  fillConvexPolygon(mask, polygon, [1]);
  const top = Math.max(0, Math.min(...polygon.map(({ y }) => y)));
  const bottom = Math.min(height - 1, Math.max(...polygon.map(({ y }) => y)));
  for (let i = top * width; i < (bottom + 1) * width; i++) {
    if (mask.data[i] === 0) continue;
    mask.data[i] = 0;
    for (let c = 0; c < 3; c++) {
      const blended = data[i * 3 + c]! * Math.fround(0.4) + colour[c]! * Math.fround(0.6);
      data[i * 3 + c] = roundHalfEven(Math.fround(blended));
    }
  }
}

function drawHand(canvas: ByteImage, hand: Keypoints): void {
  const isInside = ({ x, y }: { x: number; y: number }) => x >= 1 && y >= 1;
  HAND_BONES.forEach(([from, to], i) => {
    const start = hand[from];
    const end = hand[to];
    if (!start || !end) return;
    const [a, b] = [pixel(start), pixel(end)];
    if (isInside(a) && isInside(b)) drawThickLine(canvas, a, b, HAND_COLOURS[i]!, 2);
  });
  for (const joint of hand) {
    if (!joint) continue;
    const at = pixel(joint);
    if (isInside(at)) fillCircle(canvas, at, 4, [0, 0, 255]);
  }
}

function drawFace(canvas: ByteImage, face: Keypoints): void {
  for (const landmark of face) {
    if (!landmark) continue;
    const at = pixel(landmark);
    if (at.x >= 1 && at.y >= 1) fillCircle(canvas, at, 3, [255, 255, 255]);
  }
}

/** A fully saturated colour of a hue in [0, 1). */
function hueColour(hue: number): Colour {
  const sector = Math.floor(hue * 6);
  const rise = hue * 6 - sector;
  const fall = 1 - rise;
  const colours = [
    [1, rise, 0],
    [fall, 1, 0],
    [0, 1, rise],
    [0, fall, 1],
    [rise, 0, 1],
    [1, 0, fall],
  ];
  return colours[sector]!.map((value) => roundHalfEven(value * 255));
}
