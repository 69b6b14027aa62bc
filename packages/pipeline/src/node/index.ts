export { hashUNet, type SaveControlNetOptions, saveControlNet } from "@controlnet-js/controlnet/node";
export { type LoadTokenizerOptions, loadTokenizer } from "./load-tokenizer.js";
export * from "./models/index.js";
export { pngWithText, readPngText } from "./png-text.js";
export { readSampler } from "./read-sampler.js";
export type {
  ImageMaker,
  ImageRequest,
  MapMaker,
  MapRequest,
  MaskMaker,
  PictureSize,
  SampleControl,
  SampleOptions,
} from "./sample/sample-options.js";
export { samplePictures } from "./sample/sample-pictures.js";
export { type SavePipelineOptions, savePipeline } from "./save-pipeline.js";
export { readLatents, readPromptEmbeds, saveLatents, tensorNames } from "./tensor-files.js";
