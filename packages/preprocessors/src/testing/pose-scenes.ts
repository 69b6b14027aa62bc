import type { Keypoint, PoseScene } from "../pose/pose.js";

type Points = ([number, number] | null)[];

/** `pose.json`, as `tooling/reference/preprocessors/pose.py` wrote it. */
export interface StoredScenes {
  scenes: {
    width: number;
    height: number;
    people: { body: Points; leftHand?: Points; rightHand?: Points; face?: Points }[];
  }[];
}

const points = (given: Points): (Keypoint | null)[] => given.map((p) => p && { x: p[0], y: p[1] });

/** The stored scenes with keypoints as objects. */
export const poseScenes = ({ scenes }: StoredScenes): PoseScene[] =>
  scenes.map(({ width, height, people }) => ({
    width,
    height,
    people: people.map(({ body, leftHand, rightHand, face }) => ({
      body: points(body),
      ...(leftHand && { leftHand: points(leftHand) }),
      ...(rightHand && { rightHand: points(rightHand) }),
      ...(face && { face: points(face) }),
    })),
  }));
