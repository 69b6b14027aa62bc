export { type CaptionerOptions, openCaptioner } from "./open-captioner.js";
export { openDepthModel } from "./open-depth-model.js";
export { openMoveNet } from "./open-movenet.js";
export { openNetwork } from "./open-network.js";
export {
  type OpenPosePaths,
  openHed,
  openLineart,
  openMlsd,
  openOpenPose,
} from "./open-networks.js";
export { openSegmentationModel } from "./open-segmentation-model.js";
export type { TransformersLibrary, TransformersOptions } from "./open-transformers.js";
