/** A found joint or landmark. */
export interface Keypoint {
  /** Pixels from the left. */
  x: number;
  /** Pixels from the top. */
  y: number;
  /** How sure the detector was, in (0, 1]; left out where a person placed it. */
  score?: number;
}

/** Keypoints in the order of their skeleton; null where one was not found. */
export type Keypoints = readonly (Keypoint | null)[];

/** One person as OpenPose describes it. */
export interface Person {
  /** 18 joints in the order of {@link BODY_JOINTS}. */
  body: Keypoints;
  /** 21 joints: the wrist, then four of each finger from the thumb on. */
  leftHand?: Keypoints;
  rightHand?: Keypoints;
  /** 70 landmarks: 68 of the face and the two pupils. */
  face?: Keypoints;
}

/** People on a canvas: a pose as data, to edit, store and draw. */
export interface PoseScene {
  width: number;
  height: number;
  people: readonly Person[];
}

/** The 18 joints of OpenPose's COCO body, in order. */
export const BODY_JOINTS = [
  "nose",
  "neck",
  "rightShoulder",
  "rightElbow",
  "rightWrist",
  "leftShoulder",
  "leftElbow",
  "leftWrist",
  "rightHip",
  "rightKnee",
  "rightAnkle",
  "leftHip",
  "leftKnee",
  "leftAnkle",
  "rightEye",
  "leftEye",
  "rightEar",
  "leftEar",
] as const;

/** The name of a body joint. */
export type BodyJoint = (typeof BODY_JOINTS)[number];

/** The 17 limbs that are drawn, as pairs of indices into {@link BODY_JOINTS}; limb i has colour i. */
export const BODY_LIMBS = [
  [1, 2],
  [1, 5],
  [2, 3],
  [3, 4],
  [5, 6],
  [6, 7],
  [1, 8],
  [8, 9],
  [9, 10],
  [1, 11],
  [11, 12],
  [12, 13],
  [1, 0],
  [0, 14],
  [14, 16],
  [0, 15],
  [15, 17],
] as const;

/** RGB of the 18 joints; the first 17 are those of the limbs as well. */
export const BODY_COLOURS = [
  [255, 0, 0],
  [255, 85, 0],
  [255, 170, 0],
  [255, 255, 0],
  [170, 255, 0],
  [85, 255, 0],
  [0, 255, 0],
  [0, 255, 85],
  [0, 255, 170],
  [0, 255, 255],
  [0, 170, 255],
  [0, 85, 255],
  [0, 0, 255],
  [85, 0, 255],
  [170, 0, 255],
  [255, 0, 255],
  [255, 0, 170],
  [255, 0, 85],
] as const;

/** The 20 bones of a hand. */
export const HAND_BONES = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 4],
  [0, 5],
  [5, 6],
  [6, 7],
  [7, 8],
  [0, 9],
  [9, 10],
  [10, 11],
  [11, 12],
  [0, 13],
  [13, 14],
  [14, 15],
  [15, 16],
  [0, 17],
  [17, 18],
  [18, 19],
  [19, 20],
] as const;

/** How many keypoints each part of a person has. */
export const KEYPOINT_COUNTS = { body: 18, leftHand: 21, rightHand: 21, face: 70 } as const;
