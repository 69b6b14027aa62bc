export { type RenderJob, RenderPool, renderInWorkers } from "./render-pool.js";
export { weightsFolder } from "./weights-folder.js";
export { type WriteDatasetOptions, writeDataset } from "./write-dataset.js";
