import { ControlNetError } from "@controlnet-js/core";
import { assertChoice } from "../assert-choice.js";
import { type Colour, drawThickLine, fillCircle } from "../draw.js";
import { type ByteImage, blankImage } from "../image.js";
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
import { ShapeQueue } from "./shape-queue.js";
import { circle, limb } from "./shapes.js";

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

const LIMB_COLOURS = BODY_COLOURS.map((colour) => colour.map((value) => Math.trunc(value * 0.6)));
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
  assertChoice("drawPoses", "version", version, ["1.0", "1.1"]);
  const canvas = blankImage(scene.width, scene.height, 3);
  for (const person of scene.people) assertPerson("drawPoses", person);
  const queue = new ShapeQueue(canvas);
  const parts = (person: Person) => {
    if (hands)
      for (const hand of [person.leftHand, person.rightHand])
        if (hand) {
          queue.flush();
          drawHand(canvas, hand);
        }
    if (face && person.face) drawFace(canvas, queue, person.face);
  };
  // Hands and faces came with 1.1; beside bodies of 1.0 they are drawn as there.
  const people = scene.people.map((person) => throughUnits(person, scene));
  if (body && version === "1.0") blendBodies(canvas, queue, scene.people);
  for (const person of people) {
    if (body && version === "1.1") drawBody(canvas, queue, person.body);
    parts(person);
  }
  queue.flush();
  return canvas;
}

/** Positions as controlnet_aux keeps them, in parts of the canvas: some whole numbers come back a little smaller. */
function throughUnits({ body, leftHand, rightHand, face }: Person, { width, height }: PoseScene): Person {
  const moved = (keypoints: Keypoints): Keypoints =>
    keypoints.map(
      (keypoint) => keypoint && { x: (keypoint.x / width) * width, y: (keypoint.y / height) * height },
    );
  return {
    body: moved(body),
    ...(leftHand && { leftHand: moved(leftHand) }),
    ...(rightHand && { rightHand: moved(rightHand) }),
    ...(face && { face: moved(face) }),
  };
}

/**
 * Throws unless each part has its number of keypoints, all at finite positions.
 * @throws ControlNetError `shape` or `range`
 */
export function assertPerson(where: string, person: Person): void {
  for (const part of ["body", "leftHand", "rightHand", "face"] as const) {
    const keypoints = person[part];
    if (keypoints === undefined && part !== "body") continue;
    if (keypoints?.length !== KEYPOINT_COUNTS[part])
      throw new ControlNetError(
        "shape",
        `${where}: ${part} needs ${KEYPOINT_COUNTS[part]} keypoints, got ${keypoints?.length ?? "none"}`,
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

function drawBody(canvas: ByteImage, queue: ShapeQueue, body: Keypoints): void {
  BODY_LIMBS.forEach(([from, to], i) => {
    const a = body[from];
    const b = body[to];
    if (a && b) queue.add(limb(canvas, a, b, LIMB_COLOURS[i]!, false));
  });
  body.forEach((joint, i) => {
    if (joint) queue.add(circle(canvas, pixel(joint), 4, BODY_COLOURS[i]!));
  });
}

function blendBodies(canvas: ByteImage, queue: ShapeQueue, people: readonly Person[]): void {
  BODY_COLOURS.forEach((colour, i) => {
    for (const { body } of people) {
      const joint = body[i];
      if (joint) queue.add(circle(canvas, pixel(joint), 4, colour));
    }
  });
  BODY_LIMBS.forEach(([from, to], i) => {
    for (const { body } of people) {
      const a = body[from];
      const b = body[to];
      if (a && b) queue.add(limb(canvas, a, b, BODY_COLOURS[i]!, true));
    }
  });
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

function drawFace(canvas: ByteImage, queue: ShapeQueue, face: Keypoints): void {
  for (const landmark of face) {
    if (!landmark) continue;
    const at = pixel(landmark);
    if (at.x >= 1 && at.y >= 1) queue.add(circle(canvas, at, 3, [255, 255, 255]));
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
