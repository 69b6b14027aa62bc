import { ControlNetError, type Image } from "@controlnet-js/core";
import { blipCaptioner, type CaptionOptions } from "../blip/captioner.js";
import { type Opened, opened } from "../opened.js";
import { modelTypeOf, withHuggingFaceFolder } from "./hugging-face-folder.js";
import { openLocally, type TransformersOptions } from "./open-transformers.js";
import { readWordPieces } from "./read-word-pieces.js";

const WHERE = "openCaptioner";

/** BLIP is this package's own; the library, which lacks it, can run the other. */
const KINDS = ["blip", "vision-encoder-decoder"];

/** How a captioner is opened: the search and the prefix for BLIP, the library for the other kind. */
export interface CaptionerOptions extends TransformersOptions, CaptionOptions {}

/**
 * Opens an image-to-text model of the Hugging Face hub as the captioner of the automatic prompt: BLIP from its PyTorch files
 * (`config.json`, `preprocessor_config.json`, `tokenizer.json` or `vocab.txt`, `model.safetensors` or `pytorch_model.bin`), run
 * on the current engine; ViT-GPT2 and its like from ONNX (`config.json`, `preprocessor_config.json`, `tokenizer.json`, `onnx/`).
 * @throws ControlNetError `io`, `missing`, `unsupported` or `format` naming the folder and the file, `range` for options,
 * `missing` where a model in ONNX lacks `@huggingface/transformers`
 */
export async function openCaptioner(
  folder: string,
  options: CaptionerOptions = {},
): Promise<Opened<(picture: Image) => Promise<string>>> {
  const { library, ...captions } = options;
  const kind = modelTypeOf(WHERE, folder);
  if (kind === "blip") {
    const tokenizer = readWordPieces(WHERE, folder);
    return withHuggingFaceFolder(folder, (files) =>
      blipCaptioner({ ...files, tokenizer }, captions, `${WHERE}: ${folder}`),
    );
  }
  const given = Object.keys(captions);
  if (given.length > 0 && KINDS.includes(kind))
    throw new ControlNetError(
      "unsupported",
      `${WHERE}: only BLIP takes ${given.join(", ")}; ${folder} holds another captioner`,
    );
  return await openLocally(WHERE, folder, KINDS, library ? { library } : {}, async (loaded, name, load) => {
    const describe = await loaded.pipeline("image-to-text", name, load);
    const caption = async ({ data, width, height, channels }: Image): Promise<string> => {
      const [first] = await describe(new loaded.RawImage(data, width, height, channels));
      return first?.generated_text.trim() ?? "";
    };
    return opened(caption, () => void describe.dispose());
  });
}
