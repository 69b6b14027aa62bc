import type { Image, NetworkSource } from "@controlnet-js/core";
import type { Segment } from "../hough-segments.js";
import type { ByteImage } from "../image.js";
import type { LabelMap } from "../maps/segmentation.js";
import type { PoseScene } from "../pose/pose.js";

/** Edge probabilities `[height, width, 1]` in [0, 1] of an RGB picture: HED, PiDiNet, a line art generator ... */
export type EdgeNetwork = (image: ByteImage) => Image<Float32Array> | Promise<Image<Float32Array>>;

/** Inverse depth `[height, width, 1]` of an RGB picture, which grows towards the camera: MiDaS, Depth Anything ... */
export type DepthNetwork = (image: ByteImage) => Image<Float32Array> | Promise<Image<Float32Array>>;

/** A class for each pixel of an RGB picture: SegFormer, or a network of one's own. */
export type SegmentationNetwork = (image: ByteImage) => LabelMap | Promise<LabelMap>;

/** What a pose network found. */
export interface FoundPeople extends PoseScene {
  /** How many more people there are than the network was asked for. */
  leftOut?: number;
}

/** The people of an RGB picture, on a canvas of its size: OpenPose, MoveNet, BlazePose ... */
export type PoseNetwork = (image: ByteImage) => FoundPeople | Promise<FoundPeople>;

/** The straight lines of an RGB picture, in its pixels: M-LSD. */
export type SegmentNetwork = (
  image: ByteImage,
  thresholds: { value: number; distance: number },
) => readonly Segment[] | Promise<readonly Segment[]>;

/** The networks that `@controlnet-js/annotators/node` opens from published files, by name, as conditions call them. */
export interface PublishedNetworks {
  hed: EdgeNetwork;
  mlsd: SegmentNetwork;
  lineart: EdgeNetwork;
  pose: PoseNetwork;
  depth: DepthNetwork;
  segmentation: SegmentationNetwork;
}

const published = <K extends keyof PublishedNetworks>(
  open: K,
  parts: Readonly<Record<string, string>>,
): NetworkSource<PublishedNetworks[K]> => ({ open, parts });

/** What a condition gives as its `network` to be found by a published one: `network: publishedNetworks.hed`. */
export const publishedNetworks = {
  hed: /* @__PURE__ */ published("hed", { edges: "HED, ControlNetHED.pth" }),
  mlsd: /* @__PURE__ */ published("mlsd", { lines: "M-LSD, mlsd_large_512_fp32.pth" }),
  lineart: /* @__PURE__ */ published("lineart", { lines: "the line art generator, sk_model.pth" }),
  pose: /* @__PURE__ */ published("pose", {
    body: "OpenPose, body_pose_model.pth, or a folder of MoveNet",
    hand: "OpenPose's hands, hand_pose_model.pth",
  }),
  depth: /* @__PURE__ */ published("depth", {
    model: "the folder of a depth model, Depth Anything or DPT as ONNX",
  }),
  segmentation: /* @__PURE__ */ published("segmentation", {
    model: "the folder of a segmentation model, UPerNet, or SegFormer as ONNX",
  }),
} satisfies { [K in keyof PublishedNetworks]: NetworkSource<PublishedNetworks[K]> };
