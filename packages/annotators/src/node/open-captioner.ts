import type { Image } from "@controlnet-js/core";
import { type Opened, opened } from "../opened.js";
import { openLocally, type TransformersOptions } from "./open-transformers.js";

/** What the library can run; it has no BLIP. */
const KINDS = ["vision-encoder-decoder"];

/**
 * Opens an image-to-text model of the Hugging Face hub, such as ViT-GPT2, as the captioner of the automatic prompt.
 * @param folder its local files: `config.json`, `preprocessor_config.json`, `tokenizer.json`, `onnx/`
 * @throws ControlNetError `io`, `unsupported` or `format` naming the folder, `missing` without `@huggingface/transformers`
 */
export async function openCaptioner(
  folder: string,
  options: TransformersOptions = {},
): Promise<Opened<(picture: Image) => Promise<string>>> {
  return await openLocally("openCaptioner", folder, KINDS, options, async (library, name, load) => {
    const describe = await library.pipeline("image-to-text", name, load);
    const caption = async ({ data, width, height, channels }: Image): Promise<string> => {
      const [first] = await describe(new library.RawImage(data, width, height, channels));
      return first?.generated_text.trim() ?? "";
    };
    return opened(caption, () => void describe.dispose());
  });
}
