// What a condition's `compare` names
export { type Figures, figureTitles, type Measure, measureOf, type Tally } from "./measure.js";

// The measures
export { type EdgeScore, edgeF1 } from "./edge-f1.js";
export { depthRmse } from "./depth-rmse.js";
export { normalAngle } from "./normal-angle.js";
export { keypointSimilarity, poseSimilarity } from "./keypoint-similarity.js";
export { type SegmentationScore, SegmentationTally } from "./segmentation-score.js";
