import { keyRows, type TensorSource } from "@controlnet-js/checkpoints";
import { type Initializer, join, shapeInitializer } from "@controlnet-js/core";
import { concat, relu, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import { type Chain, createChain, type Layer, runChain } from "../layers/chain.js";
import { loadNetwork } from "../weights/load-network.js";

/** The parameters of OpenPose's body network: features, then six stages with two branches each. */
export interface BodyNetwork<L = Tensor> {
  features: Chain<L>;
  stages: { limbs: Chain<L>; joints: Chain<L> }[];
}

/** The parameters of OpenPose's hand network: features, then six stages. */
export interface HandNetwork<L = Tensor> {
  features: Chain<L>;
  stages: Chain<L>[];
}

/** Fields of the 19 limbs, two channels each; maps of the 18 joints and the background; of a hand's 21. */
const LIMB_CHANNELS = 38;
const JOINT_CHANNELS = 19;
const HAND_CHANNELS = 22;

/** Layers of VGG-19 whose results are halved. */
const POOLED = [1, 3, 7];

const common: readonly Layer[] = [
  [3, 64, 3],
  [64, 64, 3],
  [64, 128, 3],
  [128, 128, 3],
  [128, 256, 3],
  [256, 256, 3],
  [256, 256, 3],
  [256, 256, 3],
  [256, 512, 3],
  [512, 512, 3],
];
const bodyFeatures: readonly Layer[] = [...common, [512, 256, 3], [256, 128, 3]];
const handFeatures: readonly Layer[] = [
  ...common,
  ...Array.from({ length: 4 }, (): Layer => [512, 512, 3]),
  [512, 128, 3],
];
const bodyNames =
  "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv3_4 conv4_1 conv4_2 conv4_3_CPM conv4_4_CPM".split(
    " ",
  );
const handNames =
  "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv3_4 conv4_1 conv4_2 conv4_3 conv4_4 conv5_1 conv5_2 conv5_3_CPM".split(
    " ",
  );

/** The first stage of the body: three layers, then two that see a point each. */
const firstStage = (outChannels: number): Layer[] => [
  [128, 128, 3],
  [128, 128, 3],
  [128, 128, 3],
  [128, 512, 1],
  [512, outChannels, 1],
];

/** Every later stage sees the features and the results of the stage before. */
const laterStage = (inChannels: number, outChannels: number): Layer[] => [
  [inChannels, 128, 7],
  ...Array.from({ length: 4 }, (): Layer => [128, 128, 7]),
  [128, 128, 1],
  [128, outChannels, 1],
];

function createBody<L>(init: Initializer<L>): BodyNetwork<L> {
  const seen = 128 + LIMB_CHANNELS + JOINT_CHANNELS;
  const branch = (stage: number, name: string, channels: number) =>
    createChain(
      init,
      join(join("stages", stage), name),
      stage === 0 ? firstStage(channels) : laterStage(seen, channels),
    );
  return {
    features: createChain(init, "features", bodyFeatures),
    stages: Array.from({ length: 6 }, (_, stage) => ({
      limbs: branch(stage, "limbs", LIMB_CHANNELS),
      joints: branch(stage, "joints", JOINT_CHANNELS),
    })),
  };
}

function createHand<L>(init: Initializer<L>): HandNetwork<L> {
  const first: Layer[] = [
    [128, 512, 1],
    [512, HAND_CHANNELS, 1],
  ];
  return {
    features: createChain(init, "features", handFeatures),
    stages: Array.from({ length: 6 }, (_, stage) =>
      createChain(
        init,
        join("stages", stage),
        stage === 0 ? first : laterStage(128 + HAND_CHANNELS, HAND_CHANNELS),
      ),
    ),
  };
}

/** The published name of a layer by its path here: `stages.1.limbs.0` is `Mconv1_stage2_L1`. */
function bodyName(path: string): string {
  const [part, stage, branch, layer] = path.split(".") as [string, string, string, string];
  if (part === "features") return bodyNames[Number(stage)]!;
  const suffix = branch === "limbs" ? "L1" : "L2";
  const number = Number(layer) + 1;
  return stage === "0"
    ? `conv5_${number}_CPM_${suffix}`
    : `Mconv${number}_stage${Number(stage) + 1}_${suffix}`;
}

function handName(path: string): string {
  const [part, stage, layer] = path.split(".") as [string, string, string];
  if (part === "features") return handNames[Number(stage)]!;
  const number = Number(layer) + 1;
  return stage === "0" ? `conv6_${number}_CPM` : `Mconv${number}_stage${Number(stage) + 1}`;
}

/** Files hold the layers with or without the names of the blocks that they are in. */
const layerAndLeaf = (name: string): string => name.split(".").slice(-2).join(".");

/**
 * Loads OpenPose's body network from the weights published as `body_pose_model.pth`, with or without the names of blocks
 * (`model0.conv1_1.weight`). The caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export const loadBodyNetwork = (source: TensorSource, where = "loadBodyNetwork"): BodyNetwork =>
  loadNetwork(
    source,
    { name: "open-pose-body", rows: keyRows(createBody(shapeInitializer), bodyName), rename: layerAndLeaf },
    where,
  );

/**
 * Loads OpenPose's hand network from the weights published as `hand_pose_model.pth`. The caller disposes the tree.
 * @throws ControlNetError `unsupported` for another network's weights, `format` for incomplete ones
 */
export const loadHandNetwork = (source: TensorSource, where = "loadHandNetwork"): HandNetwork =>
  loadNetwork(
    source,
    { name: "open-pose-hand", rows: keyRows(createHand(shapeInitializer), handName), rename: layerAndLeaf },
    where,
  );

/**
 * What the last stage gives for `x` [batch, height, width, 3], BGR / 256 - 0.5, sides multiples of 8: fields of the limbs
 * [batch, height / 8, width / 8, 38] and maps of the joints [..., 19] (Cao et al., "Realtime multi-person 2D pose
 * estimation using part affinity fields", 2017).
 */
export function bodyNetwork(params: BodyNetwork, x: Tensor4D): { limbs: Tensor4D; joints: Tensor4D } {
  const features = runChain(x, params.features, { poolAfter: POOLED });
  let seen = features;
  let found!: { limbs: Tensor4D; joints: Tensor4D };
  for (const { limbs, joints } of params.stages) {
    found = {
      limbs: runChain(seen, limbs, { lastRelu: false }),
      joints: runChain(seen, joints, { lastRelu: false }),
    };
    seen = concat([found.limbs, found.joints, features], 3);
  }
  // The published network ends its last joint maps, and only these, with a ReLU.
  return { limbs: found.limbs, joints: relu(found.joints) };
}

/**
 * Maps of a hand's 21 joints and the background [batch, height / 8, width / 8, 22] of `x` [batch, height, width, 3],
 * BGR / 256 - 0.5, sides multiples of 8 (Simon et al., "Hand keypoint detection in single images", 2017).
 */
export function handNetwork(params: HandNetwork, x: Tensor4D): Tensor4D {
  const features = runChain(x, params.features, { poolAfter: POOLED });
  let seen = features;
  let maps!: Tensor4D;
  for (const stage of params.stages) {
    maps = runChain(seen, stage, { lastRelu: false });
    seen = concat([maps, features], 3);
  }
  return maps;
}
