import { type OpenSource, openCheckpoint } from "@controlnet-js/checkpoints/node";
import type { NetworkLook } from "@controlnet-js/core";
import type { EdgeNetwork, PoseNetwork, SegmentNetwork } from "@controlnet-js/preprocessors";
import { hedNetwork } from "../hed/hed-network.js";
import { lineartNetwork } from "../lineart/lineart-network.js";
import { mlsdNetwork } from "../mlsd/mlsd-network.js";
import { type OpenPoseOptions, openPoseNetwork } from "../open-pose/open-pose-network.js";
import type { Opened } from "../opened.js";

/** Opens a file of weights, `.pth` or safetensors, for as long as `use` takes. */
function withFile<T>(path: string, use: (source: OpenSource) => T): T {
  const source = openCheckpoint(path);
  try {
    return use(source);
  } finally {
    source.close();
  }
}

/**
 * Opens HED for `hedCondition`, `softedgeCondition` and `scribbleCondition`.
 * @param path `ControlNetHED.pth`
 * @throws ControlNetError `io` or `format` naming the file, `unsupported` where it holds another network
 */
export const openHed = (path: string, options: NetworkLook = {}): Opened<EdgeNetwork> =>
  withFile(path, (source) => hedNetwork(source, options, path));

/**
 * Opens M-LSD for `mlsdCondition`.
 * @param path `mlsd_large_512_fp32.pth`
 * @throws ControlNetError as {@link openHed}
 */
export const openMlsd = (path: string, options: NetworkLook = {}): Opened<SegmentNetwork> =>
  withFile(path, (source) => mlsdNetwork(source, options, path));

/**
 * Opens the line art generator for `lineartCondition`.
 * @param path `sk_model.pth`, or `sk_model2.pth` for coarse lines
 * @throws ControlNetError as {@link openHed}
 */
export const openLineart = (path: string, options: NetworkLook = {}): Opened<EdgeNetwork> =>
  withFile(path, (source) => lineartNetwork(source, options, path));

/** OpenPose's files. */
export interface OpenPosePaths {
  /** `body_pose_model.pth` */
  body: string;
  /** `hand_pose_model.pth`; without it hands are not looked for. */
  hand?: string;
}

/**
 * Opens OpenPose for `poseCondition`.
 * @throws ControlNetError as {@link openHed}
 */
export function openOpenPose(paths: OpenPosePaths, options: OpenPoseOptions = {}): Opened<PoseNetwork> {
  const { body, hand } = paths;
  return withFile(body, (bodySource) =>
    hand === undefined
      ? openPoseNetwork({ body: bodySource }, options, paths)
      : withFile(hand, (handSource) =>
          openPoseNetwork({ body: bodySource, hand: handSource }, options, paths),
        ),
  );
}
