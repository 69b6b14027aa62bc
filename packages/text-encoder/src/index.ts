// Texts to tokens
export {
  createTokenizer,
  encodeTexts,
  type Tokenized,
  type Tokenizer,
  type TokenizerOptions,
} from "./tokenizer/tokenizer.js";
export { originalWords } from "./tokenizer/original-words.js";
export { type AddedToken, transformersWords } from "./tokenizer/transformers-words.js";
export {
  type BpeVocabulary,
  formatVocabulary,
  parseSimpleVocabulary,
  parseVocabulary,
  vocabularyOfMerges,
} from "./tokenizer/vocabulary.js";
export { trainBpe } from "./tokenizer/train-bpe.js";

// Tokens to embeddings
export { type EncodeTextOptions, encodeText } from "./encode-text.js";
export { embedTokens } from "./embedding.js";

// The network
export { createTextEncoder, type TextEncoder, type TextEncoderParams, type TextLayer } from "./parameters.js";
export { type TextEncoderConfig, textEncoderConfig, textEncoderConfigSchema } from "./config.js";

// Its files
export { textEncoderConfigFromTransformers, textEncoderConfigToTransformers } from "./transformers-config.js";
export {
  findTextEncoder,
  type TextEncoderFile,
  type TextEncoderKeys,
  textEncoderConfigFromShapes,
  textEncoderIgnoredKeys,
  textEncoderKeyRows,
} from "./keys.js";
