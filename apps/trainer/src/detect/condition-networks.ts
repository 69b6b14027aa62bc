import { statSync } from "node:fs";
import type { LookOptions } from "@controlnet-js/annotators";
import { type Condition, ControlNetError } from "@controlnet-js/core";
import {
  depthCondition,
  hedCondition,
  lineartCondition,
  mlsdCondition,
  normalCondition,
  poseCondition,
  scribbleCondition,
  segmentationCondition,
  softedgeCondition,
} from "@controlnet-js/preprocessors";

/** How large a network sees pictures, as a command was asked. */
export interface Look extends LookOptions {
  /** Pictures come at the size of their maps, by `--size`: it is what the network sees where nothing else is asked. */
  sized?: true;
}

/** How a built-in condition gets its network. */
export interface ConditionNetwork {
  /** What each part's path is of, the main part first. */
  parts: Readonly<Record<string, string>>;
  /** Whether the condition can't do without it, by its complete options. */
  isNeeded(options: Record<string, unknown>): boolean;
  /**
   * Makes the condition with its network; `paths` holds the main part at least.
   * @throws ControlNetError `config` for a resolution where the network has its own
   */
  open(paths: Readonly<Record<string, string>>, look: Look): Promise<Condition>;
}

const always = (): boolean => true;
const general = (condition: unknown): Condition => condition as Condition;
const annotators = () => import("@controlnet-js/annotators/node");

const hedWeights = { edges: "HED, ControlNetHED.pth" };
const depthFolder = { model: "the folder of a depth model, Depth Anything or DPT as ONNX" };

/** The conditions that find what they draw by a network. */
export const conditionNetworks: Readonly<Record<string, ConditionNetwork>> = {
  pose: {
    parts: {
      body: "OpenPose, body_pose_model.pth, or of a folder of MoveNet",
      hand: "OpenPose's hands, hand_pose_model.pth",
    },
    isNeeded: always,
    async open({ body, hand }, look) {
      const { openMoveNet, openOpenPose } = await annotators();
      if (isGraphModel(body!)) {
        refuseResolution("MoveNet", look);
        return general(poseCondition(await openMoveNet(body!)));
      }
      const paths = { body: body!, ...(hand !== undefined && { hand }) };
      return general(poseCondition(openOpenPose(paths, seenAt(look))));
    },
  },
  hed: {
    parts: hedWeights,
    isNeeded: always,
    open: async ({ edges }, look) =>
      general(hedCondition((await annotators()).openHed(edges!, seenAt(look)))),
  },
  softedge: {
    parts: hedWeights,
    isNeeded: always,
    open: async ({ edges }, look) =>
      general(softedgeCondition((await annotators()).openHed(edges!, seenAt(look)))),
  },
  scribble: {
    parts: hedWeights,
    isNeeded: ({ method }) => method === "soft-edges",
    open: async ({ edges }, look) =>
      general(scribbleCondition((await annotators()).openHed(edges!, seenAt(look)))),
  },
  mlsd: {
    parts: { lines: "M-LSD, mlsd_large_512_fp32.pth" },
    isNeeded: always,
    open: async ({ lines }, look) =>
      general(mlsdCondition((await annotators()).openMlsd(lines!, seenAt(look)))),
  },
  lineart: {
    parts: { lines: "the line art generator, sk_model.pth" },
    isNeeded: ({ method }) => method === "network",
    open: async ({ lines }, look) =>
      general(lineartCondition((await annotators()).openLineart(lines!, seenAt(look)))),
  },
  depth: {
    parts: depthFolder,
    isNeeded: always,
    async open({ model }, look) {
      refuseResolution("a depth model", look);
      return general(depthCondition(await (await annotators()).openDepthModel(model!)));
    },
  },
  normal: {
    parts: depthFolder,
    isNeeded: always,
    async open({ model }, look) {
      refuseResolution("a depth model", look);
      return general(normalCondition(await (await annotators()).openDepthModel(model!)));
    },
  },
  segmentation: {
    parts: { model: "the folder of a segmentation model, UPerNet, or SegFormer as ONNX" },
    isNeeded: always,
    async open({ model }, look) {
      refuseResolution("a segmentation model", look);
      return general(segmentationCondition(await (await annotators()).openSegmentationModel(model!)));
    },
  },
};

/** The network of a built-in condition; undefined where it has none. */
export const networkOf = (condition: string): ConditionNetwork | undefined =>
  Object.hasOwn(conditionNetworks, condition) ? conditionNetworks[condition] : undefined;

/** `detect_resolution` and `image_resolution` of controlnet_aux are one size, unless `--resolution` tells them apart. */
const seenAt = ({ resolution, sized }: Look): LookOptions => {
  if (resolution !== undefined) return { resolution };
  return sized ? { resolution: "picture" } : {};
};

/** Whether a path is a model of TensorFlow.js, its description or its folder, and not a file of weights. */
const isGraphModel = (path: string): boolean =>
  path.endsWith(".json") || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);

function refuseResolution(network: string, { resolution }: Look): void {
  if (resolution !== undefined)
    throw new ControlNetError(
      "config",
      `${network} has a resolution of its own; leave --resolution, or detectResolution in a config, out`,
    );
}
