export { type Conversion, type ConvertOptions, convertModel, partNames } from "./convert-model.js";
export { type InitOptions, initControlNet } from "./init-control-net.js";
export { type InspectedTensor, type Inspection, inspectModel } from "./inspect-model.js";
export { hintsFromLdm, type ModelHints } from "./model-hints.js";
export { type OpenControlNetOptions, type OpenedControlNet, openControlNet } from "./open-control-net.js";
export {
  type ConfigJson,
  type OpenModel,
  type OpenModelOptions,
  openModel,
} from "./open-model.js";
export { type OpenPipelineOptions, openPipeline, openUNet } from "./open-pipeline.js";
export { type TransferOptions, transferControlNet } from "./transfer-control-net.js";
