export { captionOf, colourInCaption, settingInCaption, vocabulary } from "./caption.js";
export {
  type ColourCheck,
  colourCheck,
  type MainColour,
  type MainColourOptions,
  mainColour,
} from "./colour-check.js";
export { COLOUR_NAMES, COLOURS, type ColourName } from "./colours.js";
export { JOINTS, POSES, type PoseName } from "./figure.js";
export { type GroundTruth, groundTruthOf } from "./ground-truth.js";
export { type Keypoint, keypointsOf } from "./keypoints.js";
export { type Line, linesOf } from "./lines.js";
export { OBJECT_KINDS, type ObjectKind } from "./objects/kinds.js";
export { SEGMENTATION_PALETTE, type SegmentationClass } from "./palette.js";
export { type RenderSize, render } from "./render.js";
export { BATCH_SIDE, type RenderedBatch, renderBatch } from "./render-batch.js";
export type { Camera, Scene, SceneObject, SizeWord } from "./scene.js";
export { HELD_OUT_START, type SceneKey, sceneOf } from "./scene-of.js";
export { SETTING_NAMES, SETTINGS, type Setting, type SettingName } from "./settings.js";
export { TRUTH_MAPS, type TruthMapName, truthMap } from "./truth-map.js";
export * from "./world2/index.js";
export {
  type OpenScene,
  openScene,
  type TinyWorld,
  tinyworld,
  WORLDS,
  type WorldNumber,
  type WorldOptions,
} from "./worlds.js";
