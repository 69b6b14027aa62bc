export { COLOUR_NAMES, COLOURS, type ColourName } from "./colours.js";
export { SETTING_NAMES, SETTINGS, type Setting, type SettingName } from "./settings.js";
export { OBJECT_KINDS, type ObjectKind } from "./objects/index.js";
export { JOINTS, POSES, type PoseName } from "./figure.js";
export type { Camera, Scene, SceneObject, SizeWord } from "./scene.js";
export { HELD_OUT_START, type SceneKey, sceneOf } from "./scene-of.js";
export { captionOf, colourInCaption, vocabulary } from "./caption.js";
export { type RenderSize, render } from "./render.js";
export { BATCH_SIDE, type RenderedBatch, renderBatch } from "./render-batch.js";
