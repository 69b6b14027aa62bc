import { ControlNetError, defineCondition } from "@controlnet-js/core";
import * as z from "zod";
import { toRgb } from "../image.js";
import { depthMap } from "../maps/depth.js";
import { normalFromDepth } from "../maps/normal-from-depth.js";
import { ADE20K_PALETTE, COCO_PALETTE } from "../maps/palettes.js";
import { colourLabels } from "../maps/segmentation.js";
import { drawPoses } from "../pose/draw-poses.js";
import { writePoseJson } from "../pose/pose-json.js";
import { type FoundPeople, publishedNetworks } from "./networks.js";
import { looksSwappedNormal, looksSwappedPose, looksSwappedSegmentation } from "./swapped-colours.js";

/** People as OpenPose skeletons. Without people the map is black, which is no mistake. */
export const poseCondition = defineCondition({
  name: "pose",
  description: "People as coloured OpenPose skeletons on black",
  channels: 3,
  channelOrder: "rgb",
  looksSwapped: looksSwappedPose,
  blankMeans: "nobody was found",
  compare: "pose",
  options: z.object({
    version: z.enum(["1.0", "1.1"]).default("1.1").describe("How limbs are drawn"),
    hands: z.boolean().default(true).describe("Draw hands where found"),
    face: z.boolean().default(true).describe("Draw faces where found"),
  }),
  network: publishedNetworks.pose,
  async prepare(image, options, detect) {
    const scene = await detect(toRgb(image));
    if (scene.width !== image.width || scene.height !== image.height)
      throw new ControlNetError(
        "shape",
        `condition "pose": the network gave a canvas of ${scene.width}x${scene.height} for ${image.width}x${image.height}`,
      );
    return {
      map: drawPoses(scene, options),
      findings: { pose: writePoseJson(scene) },
      warnings: leftOut(scene),
    };
  },
});

const leftOut = ({ people, leftOut = 0 }: FoundPeople): string[] =>
  leftOut === 0
    ? []
    : [
        `condition "pose": ${people.length === 1 ? "1 person is" : `${people.length} people are`} drawn, ` +
          `${leftOut} more were found and left out`,
      ];

/** Depth: near is bright. */
export const depthCondition = defineCondition({
  name: "depth",
  description: "Inverse depth from 0 (far) to 255 (near)",
  channels: 3,
  resize: "bilinear",
  blankIsError: true,
  compare: "depth",
  options: z.object({}),
  network: publishedNetworks.depth,
  prepare: async (image, _, detect) => toRgb(depthMap(await detect(toRgb(image)))),
});

/** Surface normals from a depth network. */
export const normalCondition = defineCondition({
  name: "normal",
  description: "Surface normals as colours: left is red, up green, front blue",
  channels: 3,
  channelOrder: "rgb",
  looksSwapped: looksSwappedNormal,
  resize: "bilinear",
  blankIsError: true,
  compare: "normals",
  options: z.object({
    form: z
      .enum(["1.0", "1.1"])
      .default("1.0")
      .describe("Slopes of the raw depth, or of the depth in [0, 1]"),
    channelOrder: z.enum(["xyz", "zyx"]).default("xyz").describe("zyx for the first normal ControlNet"),
    strength: z
      .number()
      .min(0.01)
      .max(1000)
      .default(2 * Math.PI)
      .describe("How flat the surface is"),
    backgroundThreshold: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe("Points farther than this are background"),
  }),
  network: publishedNetworks.depth,
  prepare: async (image, options, detect) => normalFromDepth(await detect(toRgb(image)), options),
});

/** Classes as colours. */
export const segmentationCondition = defineCondition({
  name: "segmentation",
  description: "The class of each pixel as a colour",
  channels: 3,
  channelOrder: "rgb",
  looksSwapped: looksSwappedSegmentation,
  resize: "nearest",
  compare: "segmentation",
  options: z.object({
    palette: z.enum(["ade20k", "coco"]).default("ade20k").describe("The classes of the network"),
  }),
  network: publishedNetworks.segmentation,
  prepare: async (image, { palette }, detect) =>
    colourLabels(await detect(toRgb(image)), palette === "coco" ? COCO_PALETTE : ADE20K_PALETTE),
});
