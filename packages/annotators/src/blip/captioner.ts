import type { TensorSource } from "@controlnet-js/checkpoints";
import { ControlNetError, disposeTree, type Image } from "@controlnet-js/core";
import type { Json } from "../hugging-face/parse-json.js";
import { type PictureProcessor, pictureProcessor } from "../hugging-face/picture-processor.js";
import { type Opened, opened } from "../opened.js";
import { createTokenCaptioner } from "./caption-tokens.js";
import {
  type BlipConfig,
  type BlipTextConfig,
  blipConfigFromTransformers,
  type CaptionSearch,
} from "./config.js";
import { loadBlip } from "./load-blip.js";
import type { TokenSearch } from "./search-tokens.js";
import type { WordPieces } from "./word-pieces.js";

/** How a BLIP captions. */
export interface CaptionOptions extends CaptionSearch {
  /** What every caption begins with, such as "a photography of". */
  prefix?: string;
}

/** A folder's files, read. */
export interface BlipFiles {
  weights: TensorSource;
  /** `config.json` */
  config: Json;
  /** `preprocessor_config.json` */
  preprocessor: Json;
  tokenizer: WordPieces;
}

/** OpenAI's CLIP was trained on pictures normalised by these. */
const processorDefaults = {
  size: { width: 384, height: 384 },
  resample: 3,
  mean: [0.48145466, 0.4578275, 0.40821073] as [number, number, number],
  deviation: [0.26862954, 0.26130258, 0.27577711] as [number, number, number],
};

/** New tokens where nothing says how many. */
const defaultLength = 20;

/**
 * BLIP (Li et al., 2022) as captioner: what `generate` of transformers' BlipForConditionalGeneration says of an RGB picture.
 * @throws ControlNetError `config` or `range` for options, `unsupported` or `format` for files of another model
 */
export function blipCaptioner(
  { weights, config: json, preprocessor, tokenizer }: BlipFiles,
  options: CaptionOptions = {},
  where = "blipCaptioner",
): Opened<(picture: Image) => Promise<string>> {
  const config = blipConfigFromTransformers(json, where);
  const processor = blipProcessor(where, preprocessor, config);
  const { prefix = "", ...given } = options;
  const prompt = [config.text.startToken, ...tokenizer.encode(prefix)];
  const search = completeSearch(where, { ...config.search, ...given }, prompt.length, config.text);
  const params = loadBlip(weights, config, where);
  const { caption, dispose } = createTokenCaptioner(where, params, config, processor);
  const describe = async (picture: Image): Promise<string> =>
    tokenizer.decode(await caption(picture, prompt, search));
  return opened(describe, () => {
    disposeTree(params);
    dispose();
  });
}

/**
 * How pictures are prepared.
 * @throws ControlNetError `unsupported` for what is not built, or pictures of another size than the network's
 */
export function blipProcessor(where: string, json: Json, { vision }: BlipConfig): PictureProcessor {
  // Some of BLIP's files ask for padding, of which there is none between pictures of one size.
  const processor = pictureProcessor(where, { ...json, do_pad: false }, processorDefaults);
  const { size } = processor;
  const isFixed = size !== undefined && "width" in size;
  if (isFixed && size.width === vision.imageSize && size.height === vision.imageSize) return processor;
  throw new ControlNetError(
    "unsupported",
    `${where}: pictures must come in the network's size, ${vision.imageSize}x${vision.imageSize}; the processor's config has ${isFixed ? `${size.width}x${size.height}` : "none"}`,
  );
}

/**
 * The settings of a search, checked, with transformers' defaults.
 * @param promptLength tokens that the caption begins with
 * @throws ControlNetError `range`
 */
export function completeSearch(
  where: string,
  given: CaptionSearch,
  promptLength: number,
  { maxTokens, vocabularySize, endToken }: BlipTextConfig,
): TokenSearch {
  const search: TokenSearch = {
    beams: 1,
    maxLength: Math.min(promptLength + defaultLength, maxTokens),
    minLength: 0,
    lengthPenalty: 1,
    repetitionPenalty: 1,
    earlyStopping: false,
    ...given,
    endToken,
  };
  const expectWhole = (name: "beams" | "maxLength" | "minLength", least: number, most: number, why = "") => {
    const value = search[name];
    if (!Number.isInteger(value) || value < least || value > most)
      throw new ControlNetError(
        "range",
        `${where}: expected ${name} of ${least} to ${most}${why}, got ${value}`,
      );
  };
  expectWhole("beams", 1, Math.floor(vocabularySize / 2));
  expectWhole("maxLength", promptLength + 1, maxTokens, ` tokens, of which it begins with ${promptLength}`);
  expectWhole("minLength", 0, maxTokens);
  if (!(search.repetitionPenalty > 0) || !Number.isFinite(search.lengthPenalty))
    throw new ControlNetError(
      "range",
      `${where}: expected a repetitionPenalty above 0 and a finite lengthPenalty, got ${search.repetitionPenalty} and ${search.lengthPenalty}`,
    );
  return search;
}
