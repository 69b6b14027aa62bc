// Both worlds by one interface
export {
  type OpenScene,
  openScene,
  type TinyWorld,
  tinyworld,
  WORLDS,
  type WorldNumber,
  type WorldOptions,
} from "./worlds.js";

// World 1: the caption tells the layout
export type { Camera, Scene, SceneObject, SizeWord } from "./scene.js";
export type { ObjectKind } from "./objects/kinds.js";
export type { ColourName } from "./colours.js";
export type { SettingName } from "./settings.js";
export { HELD_OUT_START, type SceneKey, sceneOf } from "./scene-of.js";
export { captionOf, colourInCaption, settingInCaption, vocabulary } from "./caption.js";
export { type RenderSize, render } from "./render.js";
export { BATCH_SIDE, type RenderedBatch, renderBatch } from "./render-batch.js";

// Its truth
export { type GroundTruth, groundTruthOf } from "./ground-truth.js";
export { type TruthMapName, truthMap } from "./truth-map.js";
export { SEGMENTATION_PALETTE, type SegmentationClass } from "./palette.js";
export { type Keypoint, keypointsOf } from "./keypoints.js";
export { JOINTS, type PoseName } from "./figure.js";
export { type Line, linesOf } from "./lines.js";
export {
  type ColourCheck,
  colourCheck,
  type MainColour,
  type MainColourOptions,
  mainColour,
} from "./colour-check.js";

// World 2: anything anywhere
export type {
  Content,
  Kind2,
  Relation,
  Room,
  Scene2,
  SceneObject2,
  StyleName,
  Thing,
} from "./world2/scene.js";
export type { Action } from "./world2/actions.js";
export type { PlaceName, TimeName } from "./world2/places.js";
export { fromCamera, type SceneKey2, sceneOf2, withOtherLight, withOtherObject } from "./world2/scene-of.js";
export { captionOf2 } from "./world2/caption.js";
export { render2 } from "./world2/render.js";

// Its truth
export {
  type AnimalTruth,
  type Box,
  type CameraTruth,
  type PersonTruth,
  type Truth2,
  truthOf2,
} from "./world2/truth.js";
export { SEGMENTATION_PALETTE2, type SegmentationClass2 } from "./world2/surfaces.js";
export { ANIMAL_JOINTS } from "./world2/animals.js";
