export {
  type OpenPosePaths,
  openHed,
  openLineart,
  openMlsd,
  openOpenPose,
} from "./open-networks.js";
