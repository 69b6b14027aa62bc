export { type TextEncoderConfig, textEncoderConfig, textEncoderConfigSchema } from "./config.js";
export { embedTokens } from "./embedding.js";
export { type EncodeTextOptions, encodeText } from "./encode-text.js";
export {
  findTextEncoder,
  type TextEncoderFile,
  type TextEncoderKeys,
  textEncoderConfigFromShapes,
  textEncoderIgnoredKeys,
  textEncoderKeyRows,
} from "./keys.js";
export { createTextEncoder, type TextEncoder, type TextEncoderParams, type TextLayer } from "./parameters.js";
export { originalWords } from "./tokenizer/original-words.js";
export {
  createTokenizer,
  encodeTexts,
  type Tokenized,
  type Tokenizer,
  type TokenizerOptions,
} from "./tokenizer/tokenizer.js";
export { trainBpe } from "./tokenizer/train-bpe.js";
export { type AddedToken, transformersWords } from "./tokenizer/transformers-words.js";
export {
  type BpeVocabulary,
  formatVocabulary,
  parseSimpleVocabulary,
  parseVocabulary,
  vocabularyOfMerges,
} from "./tokenizer/vocabulary.js";
export { textEncoderConfigFromTransformers, textEncoderConfigToTransformers } from "./transformers-config.js";
