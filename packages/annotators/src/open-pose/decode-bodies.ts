import type { Keypoint } from "@controlnet-js/preprocessors";
import { channelAtSize, type HeatMaps, type SeenSize } from "../planes/heat-maps.js";
import { connectJoints } from "./connect-joints.js";
import { findPeaks } from "./find-peaks.js";
import { gatherPeople } from "./gather-people.js";
import { LIMBS } from "./limbs.js";

/** A body as OpenPose finds it. */
export interface DecodedBody {
  /** 18 joints in the picture's pixels. */
  body: (Keypoint | null)[];
  /** Sum of the scores of joints and limbs. */
  score: number;
  /** How many joints were counted. */
  parts: number;
}

const JOINTS = 18;

/**
 * The people in the body network's maps: peaks of the joints, joined by the fields of the limbs.
 * @param limbs `[height / 8, width / 8, 38]`
 * @param joints `[height / 8, width / 8, 19]`
 * @param seen the picture's size as the network saw it
 * @param width the picture's own size, in whose pixels the joints are
 * @throws ControlNetError `data` where the maps are no picture of people
 */
export function decodeBodies(
  limbs: HeatMaps,
  joints: HeatMaps,
  seen: SeenSize,
  width: number,
  height: number,
): DecodedBody[] {
  const peaks = Array.from({ length: JOINTS }, (_, joint) =>
    findPeaks(channelAtSize(joints, joint, seen, width, height), joint),
  );
  const connections = LIMBS.map(({ from, to, field }) => {
    if (peaks[from]!.length === 0 || peaks[to]!.length === 0) return [];
    const [x, y] = [field, field + 1].map((channel) => channelAtSize(limbs, channel, seen, width, height));
    return connectJoints(peaks[from]!, peaks[to]!, x!, y!);
  });
  return gatherPeople(peaks, connections).map((person) => ({
    body: person.joints.map((peak, joint) => (peak < 0 ? null : { ...peaks[joint]![peak]! })),
    score: person.score,
    parts: person.parts,
  }));
}
