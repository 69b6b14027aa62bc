import { ControlNetError } from "@controlnet-js/core";
import { assertChoice } from "../assert-choice.js";
import { BODY_JOINTS, type BodyJoint, type Keypoint, type Keypoints } from "./pose.js";

const COCO_17: Partial<Record<BodyJoint, number>> = {
  nose: 0,
  leftEye: 1,
  rightEye: 2,
  leftEar: 3,
  rightEar: 4,
  leftShoulder: 5,
  rightShoulder: 6,
  leftElbow: 7,
  rightElbow: 8,
  leftWrist: 9,
  rightWrist: 10,
  leftHip: 11,
  rightHip: 12,
  leftKnee: 13,
  rightKnee: 14,
  leftAnkle: 15,
  rightAnkle: 16,
};

const BLAZE_POSE_33: Partial<Record<BodyJoint, number>> = {
  nose: 0,
  leftEye: 2,
  rightEye: 5,
  leftEar: 7,
  rightEar: 8,
  leftShoulder: 11,
  rightShoulder: 12,
  leftElbow: 13,
  rightElbow: 14,
  leftWrist: 15,
  rightWrist: 16,
  leftHip: 23,
  rightHip: 24,
  leftKnee: 25,
  rightKnee: 26,
  leftAnkle: 27,
  rightAnkle: 28,
};

const BODY_25: Partial<Record<BodyJoint, number>> = {
  nose: 0,
  neck: 1,
  rightShoulder: 2,
  rightElbow: 3,
  rightWrist: 4,
  leftShoulder: 5,
  leftElbow: 6,
  leftWrist: 7,
  rightHip: 9,
  rightKnee: 10,
  rightAnkle: 11,
  leftHip: 12,
  leftKnee: 13,
  leftAnkle: 14,
  rightEye: 15,
  leftEye: 16,
  rightEar: 17,
  leftEar: 18,
};

const SKELETONS = {
  "coco-17": { count: 17, joints: COCO_17 },
  "blazepose-33": { count: 33, joints: BLAZE_POSE_33 },
  "body-25": { count: 25, joints: BODY_25 },
} as const;

/** The skeletons that {@link toOpenPose} reads: COCO (MoveNet, YOLO), BlazePose (MediaPipe) and OpenPose's BODY_25. */
export type Skeleton = keyof typeof SKELETONS;

/**
 * The 18 joints of OpenPose from another skeleton. A neck that it lacks is the middle of the shoulders.
 * @param keypoints in the skeleton's own order, in pixels
 * @param options.minScore keypoints that are less sure are dropped; default 0.3
 * @throws ControlNetError `shape` for another number of keypoints, `range` for an unknown skeleton
 */
export function toOpenPose(
  keypoints: Keypoints,
  skeleton: Skeleton,
  options: { minScore?: number } = {},
): (Keypoint | null)[] {
  const { minScore = 0.3 } = options;
  assertChoice("toOpenPose", "skeleton", skeleton, Object.keys(SKELETONS));
  const { count, joints } = SKELETONS[skeleton];
  if (keypoints.length !== count)
    throw new ControlNetError(
      "shape",
      `toOpenPose: ${skeleton} has ${count} keypoints, got ${keypoints.length}`,
    );
  const found = (name: BodyJoint): Keypoint | null => {
    const index = joints[name];
    const keypoint = index === undefined ? null : keypoints[index];
    return keypoint && (keypoint.score ?? 1) >= minScore ? keypoint : null;
  };
  const left = found("leftShoulder");
  const right = found("rightShoulder");
  const middle = left && right && between(left, right);
  return BODY_JOINTS.map((name) => found(name) ?? (name === "neck" ? middle : null));
}

function between(a: Keypoint, b: Keypoint): Keypoint {
  const middle: Keypoint = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  if (a.score !== undefined && b.score !== undefined) middle.score = Math.min(a.score, b.score);
  return middle;
}
