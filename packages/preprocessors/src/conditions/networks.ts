import { ControlNetError, type Image } from "@controlnet-js/core";
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

/**
 * The network, or an error that says which weights are needed and how to give them.
 * @throws ControlNetError `missing`
 */
export function needNetwork<N>(
  condition: string,
  factory: string,
  weights: string,
  network: N | undefined,
): N {
  if (network !== undefined) return network;
  throw new ControlNetError(
    "missing",
    `condition "${condition}": finding it in a picture needs a network (${weights}); ` +
      `make the condition with ${factory}(network), or give a map that is already prepared`,
  );
}
