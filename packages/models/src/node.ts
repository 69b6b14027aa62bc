// Open

// Which base model a ControlNet belongs to
export { baseWarning } from "./base-warning.js";
export { type Conversion, type ConvertOptions, convertModel, partNames } from "./convert/convert-model.js";
export { type InitOptions, initControlNet } from "./convert/init-control-net.js";
export { type InspectedTensor, type Inspection, inspectModel } from "./convert/inspect-model.js";
export { type TransferOptions, transferControlNet } from "./convert/transfer-control-net.js";
export { hashUNet } from "./hash-unet.js";
export { hintsFromLdm, type ModelHints } from "./open/model-hints.js";
export {
  type OpenControlNetOptions,
  type OpenedControlNet,
  openControlNet,
} from "./open/open-control-net.js";
// Look into, convert, transfer: without an engine
export { type ConfigJson, type OpenModel, type OpenModelOptions, openModel } from "./open/open-model.js";
export { type OpenPipelineOptions, openPipeline, openUNet } from "./open/open-pipeline.js";
export { readSampler } from "./open/read-sampler.js";
// Save
export { type SaveControlNetOptions, saveControlNet } from "./save/save-control-net.js";
export { type SavePipelineOptions, savePipeline } from "./save/save-pipeline.js";
export { readLatents, readPromptEmbeds, saveLatents, tensorNames } from "./tensor-files.js";
export { type LoadTokenizerOptions, loadTokenizer } from "./tokenizer/load-tokenizer.js";
