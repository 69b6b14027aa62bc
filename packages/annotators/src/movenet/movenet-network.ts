import { ControlNetError } from "@controlnet-js/core";
import {
  assertImage,
  type ByteImage,
  type Keypoint,
  type PoseNetwork,
  toOpenPose,
} from "@controlnet-js/preprocessors";
import type { GraphModel } from "@tensorflow/tfjs-converter";
import { cast, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { type Opened, opened } from "../opened.js";
import { asTensor } from "../pictures.js";
import { fitInside } from "./fit-inside.js";

/** How MoveNet looks. */
export interface MoveNetOptions {
  /** Joints that are less sure are left out. Default 0.3. */
  minScore?: number;
  /** People who are less sure are left out. Default 0.25. */
  minPersonScore?: number;
  /** The surest people are kept where there are more. Default 6, which is as many as the network finds. */
  maxPeople?: number;
}

/** The side of the picture that a network sees whose input may have any size. */
const FREE_SIDE = 256;
const JOINTS = 17;
/** 17 joints of three numbers, a box of four, a score. */
const PERSON_NUMBERS = 56;

/**
 * MoveNet as `poseCondition` takes it. The single-pose networks (lightning, thunder) find one person, the multi-pose
 * network up to six; which one a model is shows in its output.
 * @param model a graph model of TensorFlow.js, which belongs to the network from now on
 * @throws ControlNetError `unsupported` where its input or output is not MoveNet's
 */
export function moveNetNetwork(
  model: GraphModel,
  options: MoveNetOptions = {},
  where = "moveNetNetwork",
): Opened<PoseNetwork> {
  const { minScore = 0.3, minPersonScore = 0.25, maxPeople = 6 } = options;
  const side = inputSide(model, where);
  const detect: PoseNetwork = async (picture) => {
    assertImage("moveNetNetwork", picture, [3]);
    const { image, toPicture } = fitInside(picture, side);
    const found = (await readPeople(run(model, image, where), where))
      .filter(({ score }) => score >= minPersonScore)
      .map(({ joints, score }) => {
        const keypoints = joints.map(({ x, y, score }): Keypoint => ({ ...toPicture(x, y), score: score! }));
        return { body: toOpenPose(keypoints, "coco-17", { minScore }), score };
      })
      .filter(({ body }) => body.some((joint) => joint !== null))
      .sort((a, b) => b.score - a.score);
    const people = found.slice(0, maxPeople).map(({ body }) => ({ body }));
    const { width, height } = picture;
    return { width, height, people, leftOut: found.length - people.length };
  };
  return opened(detect, () => model.dispose());
}

/** The side of the square input. */
function inputSide(model: GraphModel, where: string): number {
  const shape = model.inputs[0]?.shape;
  const [, height = -1, width = -1, channels] = shape ?? [];
  const fits = model.inputs.length === 1 && shape?.length === 4 && channels === 3 && height === width;
  if (!fits)
    throw new ControlNetError(
      "unsupported",
      `${where}: expected MoveNet, which takes one square picture [1, side, side, 3], found inputs ` +
        model.inputs.map((input) => `[${input.shape?.join(", ") ?? "of any shape"}]`).join(", "),
    );
  return height > 0 ? height : FREE_SIDE;
}

function run(model: GraphModel, image: ByteImage, where: string): Tensor {
  const input = tidy(() => {
    const pixels = asTensor(image);
    return model.inputs[0]!.dtype === "int32" ? cast(pixels, "int32") : pixels;
  });
  try {
    const output = model.execute(input);
    if (!Array.isArray(output)) return output;
    for (const tensor of output) tensor.dispose();
    throw notMoveNet(where, output.map(({ shape }) => `[${shape.join(", ")}]`).join(", "));
  } finally {
    input.dispose();
  }
}

const notMoveNet = (where: string, found: string): ControlNetError =>
  new ControlNetError(
    "unsupported",
    `${where}: expected MoveNet, which gives [1, 1, 17, 3] or [1, people, 56], found ${found}`,
  );

/** A person as the network gives it: joints in parts of its input, and how sure the person is. */
interface FoundPerson {
  joints: Keypoint[];
  score: number;
}

async function readPeople(output: Tensor, where: string): Promise<FoundPerson[]> {
  const { shape } = output;
  const values = await output.data();
  output.dispose();
  const isSingle = shape.join() === `1,1,${JOINTS},3`;
  if (!isSingle && !(shape.length === 3 && shape[0] === 1 && shape[2] === PERSON_NUMBERS))
    throw notMoveNet(where, `[${shape.join(", ")}]`);
  const stride = isSingle ? 3 * JOINTS : PERSON_NUMBERS;
  return Array.from({ length: values.length / stride }, (_, person) => {
    const joints = Array.from({ length: JOINTS }, (_, joint): Keypoint => {
      const at = person * stride + 3 * joint;
      return { x: values[at + 1]!, y: values[at]!, score: values[at + 2]! };
    });
    const mean = joints.reduce((sum, joint) => sum + joint.score!, 0) / JOINTS;
    return { joints, score: isSingle ? mean : values[person * stride + stride - 1]! };
  });
}
