import type { Keypoints } from "@controlnet-js/preprocessors";

/** A square of the picture in which a hand is. */
export interface HandBox {
  side: "left" | "right";
  x: number;
  y: number;
  size: number;
}

/** Where the hand lies beyond the wrist, in lengths of the forearm. */
const BEYOND_WRIST = 0.33;
const MIN_SIZE = 20;

/** Indices of shoulder, elbow and wrist. */
const ARMS = [
  { side: "left", shoulder: 5, elbow: 6, wrist: 7 },
  { side: "right", shoulder: 2, elbow: 3, wrist: 4 },
] as const;

/**
 * The squares around the hands of a body whose arms were found, cut to the picture; those below 20 pixels are left out
 * (controlnet_aux `open_pose/util.py`, `handDetect`).
 * @param body 18 joints
 */
export function handBoxes(body: Keypoints, width: number, height: number): HandBox[] {
  return ARMS.flatMap(({ side, ...arm }) => {
    const [shoulder, elbow, wrist] = [body[arm.shoulder], body[arm.elbow], body[arm.wrist]];
    if (!shoulder || !elbow || !wrist) return [];
    const forearm = Math.hypot(wrist.x - elbow.x, wrist.y - elbow.y);
    const upperArm = Math.hypot(elbow.x - shoulder.x, elbow.y - shoulder.y);
    const wanted = 1.5 * Math.max(forearm, 0.9 * upperArm);
    const x = Math.max(0, wrist.x + BEYOND_WRIST * (wrist.x - elbow.x) - wanted / 2);
    const y = Math.max(0, wrist.y + BEYOND_WRIST * (wrist.y - elbow.y) - wanted / 2);
    const size = Math.min(wanted, width - x, height - y);
    return size < MIN_SIZE ? [] : [{ side, x: Math.trunc(x), y: Math.trunc(y), size: Math.trunc(size) }];
  });
}
