// Networks as the conditions take them

// The networks themselves: parameters and forward passes
export { type BlipFiles, blipCaptioner, type CaptionOptions } from "./blip/captioner.js";
export {
  type BlipConfig,
  type BlipTextConfig,
  type BlipVisionConfig,
  blipConfigFromTransformers,
  type CaptionSearch,
} from "./blip/config.js";
export { decodeStep, emptyCache, type KeysAndValues, keysOfPicture } from "./blip/decode-step.js";
export { embedPicture } from "./blip/embed-picture.js";
export { loadBlip } from "./blip/load-blip.js";
export type { Blip } from "./blip/parameters.js";
export { createWordPieces, type WordPieceOptions, type WordPieces } from "./blip/word-pieces.js";
export { type Hed, hed, loadHed } from "./hed/hed.js";
export { hedNetwork } from "./hed/hed-network.js";
export { type LineartGenerator, lineart, loadLineart } from "./lineart/generator.js";
export { lineartNetwork } from "./lineart/lineart-network.js";
// What their outputs mean
export { decodeSegments } from "./mlsd/decode-segments.js";
export { loadMlsd, type Mlsd, mlsd } from "./mlsd/mlsd.js";
export { mlsdNetwork } from "./mlsd/mlsd-network.js";
export { type MoveNetOptions, moveNetNetwork } from "./movenet/movenet-network.js";
export { type DecodedBody, decodeBodies } from "./open-pose/decode-bodies.js";
export { decodeHand } from "./open-pose/decode-hand.js";
export { type HandBox, handBoxes } from "./open-pose/hand-boxes.js";
export {
  type BodyNetwork,
  bodyNetwork,
  type HandNetwork,
  handNetwork,
  loadBodyNetwork,
  loadHandNetwork,
} from "./open-pose/networks.js";
export {
  type OpenPoseOptions,
  type OpenPoseSources,
  openPoseNetwork,
} from "./open-pose/open-pose-network.js";
export type { Opened } from "./opened.js";
export type { HeatMaps, SeenSize } from "./planes/heat-maps.js";
export type { BackboneConfig, ConvNextConfig, SwinConfig } from "./upernet/backbone-config.js";
export { type UperNetConfig, uperNetConfigFromTransformers } from "./upernet/config.js";
export { loadUperNet, type UperNet, uperNet } from "./upernet/upernet.js";
export { type UperNetFiles, uperNetNetwork } from "./upernet/upernet-network.js";
// What a file of weights is
export { identifyNetwork, type NetworkName, networkTitles } from "./weights/known-networks.js";
