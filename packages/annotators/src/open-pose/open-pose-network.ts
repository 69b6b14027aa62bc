import type { TensorSource } from "@controlnet-js/checkpoints";
import { ControlNetError, disposeTree, type NetworkLook } from "@controlnet-js/core";
import {
  type ByteImage,
  crop,
  gaussianBlur,
  type Keypoint,
  type Keypoints,
  type Person,
  type PoseNetwork,
} from "@controlnet-js/preprocessors";
import { tidy } from "@tensorflow/tfjs-core";
import { type Opened, opened } from "../opened.js";
import { assertResolution, asTensor, readMaps, sizedPicture } from "../pictures.js";
import { decodeBodies } from "./decode-bodies.js";
import { decodeHand } from "./decode-hand.js";
import { type HandBox, handBoxes } from "./hand-boxes.js";
import { BOX, bodyInput, networkInput } from "./network-input.js";
import {
  type BodyNetwork,
  bodyNetwork,
  type HandNetwork,
  handNetwork,
  loadBodyNetwork,
  loadHandNetwork,
} from "./networks.js";

/** The files of weights that OpenPose is made of. */
export interface OpenPoseSources {
  /** Published as `body_pose_model.pth`. */
  body: TensorSource;
  /** Published as `hand_pose_model.pth`; without it hands are not looked for. */
  hand?: TensorSource;
}

/** How OpenPose looks. */
export interface OpenPoseOptions extends NetworkLook {
  /** The surest people are kept where there are more. Default 32. */
  maxPeople?: number;
}

const MAX_PEOPLE = 32;
/** Sizes at which a hand is looked at, in units of {@link BOX}, and the blur before. */
const HAND_SCALES = [0.5, 1, 1.5, 2];
const HAND_BLUR = 0.8;

/**
 * OpenPose as `poseCondition` takes it: the people of a picture, their hands too where there are weights (Cao et al., 2017;
 * Simon et al., 2017; pre- and post-processing of controlnet_aux `open_pose`).
 * @throws ControlNetError `config`, or as {@link loadBodyNetwork} and {@link loadHandNetwork}
 */
export function openPoseNetwork(
  sources: OpenPoseSources,
  options: OpenPoseOptions = {},
  where: { body: string; hand?: string } = { body: "openPoseNetwork: body", hand: "openPoseNetwork: hand" },
): Opened<PoseNetwork> {
  const { maxPeople = MAX_PEOPLE } = options;
  assertResolution("openPoseNetwork", options);
  if (!Number.isInteger(maxPeople) || maxPeople < 1)
    throw new ControlNetError(
      "config",
      `openPoseNetwork: expected maxPeople of at least 1, got ${maxPeople}`,
    );
  const body = loadBodyNetwork(sources.body, where.body);
  let hand: HandNetwork | undefined;
  try {
    hand = sources.hand && loadHandNetwork(sources.hand, where.hand);
  } catch (error) {
    disposeTree(body);
    throw error;
  }
  const detect: PoseNetwork = async (picture) => {
    const { image, scaleX, scaleY } = sizedPicture("openPoseNetwork", picture, options);
    const found = await findBodies(body, image);
    const surest = [...found].sort((a, b) => b.score - a.score).slice(0, maxPeople);
    const people: Person[] = [];
    const scaled = (keypoints: Keypoints) =>
      keypoints.map(
        (point): Keypoint | null => point && { ...point, x: point.x * scaleX, y: point.y * scaleY },
      );
    for (const candidate of found) {
      if (!surest.includes(candidate)) continue;
      const person: Person = { body: scaled(candidate.body) };
      for (const box of hand ? handBoxes(candidate.body, image.width, image.height) : [])
        person[box.side === "left" ? "leftHand" : "rightHand"] = scaled(await findHand(hand!, image, box));
      people.push(person);
    }
    const { width, height } = picture;
    return { width, height, people, leftOut: found.length - people.length };
  };
  return opened(detect, () => disposeTree({ body, ...(hand && { hand }) }));
}

async function findBodies(params: BodyNetwork, image: ByteImage) {
  const { picture, seen } = bodyInput(image);
  const output = tidy(() => bodyNetwork(params, asTensor(picture)));
  const [limbs, joints] = await Promise.all([readMaps(output.limbs), readMaps(output.joints)]);
  return decodeBodies(limbs, joints, seen, image.width, image.height);
}

async function findHand(params: HandNetwork, image: ByteImage, box: HandBox): Promise<(Keypoint | null)[]> {
  const blurred = gaussianBlur(crop(image, box.x, box.y, box.size, box.size), HAND_BLUR);
  const scales: Parameters<typeof decodeHand>[0][number][] = [];
  for (const scale of HAND_SCALES) {
    const { picture, seen } = networkInput(blurred, scale * BOX, scale * BOX);
    scales.push({ maps: await readMaps(tidy(() => handNetwork(params, asTensor(picture)))), seen });
  }
  const joints = decodeHand(scales, box.size);
  return joints.map((joint) => joint && { ...joint, x: joint.x + box.x, y: joint.y + box.y });
}
