export { ACTIONS, type Action } from "./actions.js";
export { ANIMAL_JOINTS } from "./animals.js";
export { captionOf2, vocabulary2, wordsOf } from "./caption.js";
export { PLACE_NAMES, type PlaceName, TIMES, type TimeName } from "./places.js";
export { render2 } from "./render.js";
export {
  type Content,
  KINDS2,
  type Kind2,
  type Relation,
  type Room,
  type Scene2,
  type SceneObject2,
  STYLES,
  type StyleName,
  type Thing,
} from "./scene.js";
export {
  contentOf2,
  fromCamera,
  type SceneKey2,
  sceneOf2,
  withOtherLight,
  withOtherObject,
} from "./scene-of.js";
export { SEGMENTATION_PALETTE2, type SegmentationClass2 } from "./surfaces.js";
export {
  type AnimalTruth,
  type Box,
  type CameraTruth,
  keypointsOf2,
  type PersonTruth,
  type Truth2,
  truthMap2,
  truthOf2,
} from "./truth.js";
