import type { KeyForm } from "@controlnet-js/checkpoints";
import { ControlNetError } from "@controlnet-js/core";
import {
  createTextEncoder,
  type TextEncoderConfig,
  type Tokenizer,
  textEncoderConfig,
} from "@controlnet-js/text-encoder";
import { zeros } from "@tensorflow/tfjs-core";
import type { TextModel } from "../pipeline.js";
import { findTokenizer, tokenizerAdvice } from "../tokenizer/find-tokenizer.js";
import { loadTokenizer } from "../tokenizer/load-tokenizer.js";

/**
 * The tokenizer for the text encoder of a single file; where none is found, one that refuses every prompt and says
 * what to do, since ready prompt embeddings need none.
 * @throws ControlNetError `missing` where the given folder holds none
 */
export function openTextModel(
  path: string,
  config: TextEncoderConfig,
  keys: KeyForm,
  given: string | undefined,
  log: (line: string) => void,
): Pick<TextModel, "tokenizer" | "vocabulary"> {
  const folder = findTokenizer(path, given);
  if (folder === undefined) {
    log(tokenizerAdvice);
    return withoutTokenizer(config, `${path}: ${tokenizerAdvice}`);
  }
  // The original code pads OpenCLIP's texts with token 0, whichever folder the words came from.
  return loadTokenizer(folder, config.maxTokens, keys === "openclip" ? { padding: 0 } : {});
}

/** A text model for a model that has none: it refuses every prompt. The caller disposes its parameters. */
export function textless(features: number): TextModel {
  const config = textEncoderConfig({
    vocabularySize: 2,
    hiddenSize: features,
    feedForwardSize: 1,
    heads: 1,
    layers: 1,
  });
  return {
    ...createTextEncoder(config, (_path, shape) => zeros(shape, "float32")),
    absent: true,
    ...withoutTokenizer(config, "the model has no text encoder; give ready prompt embeddings"),
  };
}

/** In place of a tokenizer: one that refuses every prompt, saying `message`. */
export function withoutTokenizer(
  { maxTokens, vocabularySize }: TextEncoderConfig,
  message: string,
): Pick<TextModel, "tokenizer" | "vocabulary"> {
  const refuse = (): never => {
    throw new ControlNetError("missing", message);
  };
  const tokenizer: Tokenizer = {
    maxTokens,
    vocabularySize,
    startToken: Math.max(0, vocabularySize - 2),
    endToken: vocabularySize - 1,
    padToken: vocabularySize - 1,
    added: [],
    tokenize: refuse,
    encode: refuse,
    encodeLong: refuse,
    decode: refuse,
  };
  return { tokenizer, vocabulary: { tokens: {}, merges: [] } };
}
