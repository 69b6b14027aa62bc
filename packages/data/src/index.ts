export { type Batch, type BatchesOptions, batches, type Cursor, type SkippedSample } from "./batches.js";
export { type CollatedBatch, collate } from "./collate.js";
export {
  type Dataset,
  type FileDataset,
  identityOf,
  type MapsMetadata,
  type Resolution,
  type Sample,
} from "./dataset.js";
export type { DecodeOptions } from "./decoder.js";
export { drawHole, withHoles } from "./holes.js";
export { type ImageFolderOptions, openImageFolder } from "./image-folder.js";
export { type DatasetReport, type InspectOptions, inspectDataset } from "./inspect-dataset.js";
export { type JsonLinesOptions, openJsonLines } from "./json-lines.js";
export { type ConditionModule, isUrl, loadCondition } from "./load-condition.js";
export { checkMap, type MapCheck, type MapRules, mapRulesOf } from "./map-rules.js";
export { permute } from "./permute.js";
export { SampleError, type SampleProblem } from "./sample-error.js";
export { type DatasetSplit, type SplitOptions, splitDataset } from "./split-dataset.js";
