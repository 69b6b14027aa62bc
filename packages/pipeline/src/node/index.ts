export {
  type LoadedControlNet,
  loadControlNet,
  type SaveControlNetOptions,
  saveControlNet,
} from "./control-net-folder.js";
export { loadPipeline, loadUNet } from "./load-pipeline.js";
export { loadTokenizer } from "./load-tokenizer.js";
export { localCaptioner } from "./local-captioner.js";
export * from "./models/index.js";
export { pngWithText, readPngText } from "./png-text.js";
export { type SavePipelineOptions, savePipeline } from "./save-pipeline.js";
