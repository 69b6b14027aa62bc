import type { Image } from "@controlnet-js/core";
import { type PillowFilter, pillowFilter, resizePillow } from "../hugging-face/resize-pillow.js";
import { readPreprocessor } from "./hugging-face-folder.js";

/** What a processor of `@huggingface/transformers` makes of a picture. */
export interface ProcessedPicture {
  /** `[1, channels, height, width]` */
  pixel_values?: { dims: number[] };
}

/** Has a picture processed that lies in the size which the processor wants. */
export type PictureSizer = <P extends ProcessedPicture>(
  picture: Image,
  process: (picture: Image) => Promise<P>,
) => Promise<P>;

/**
 * Resizes pictures as Pillow does for the models of a folder, every pixel counting: the library takes single pixels where it
 * shrinks, of which networks see other edges. It is asked for the size, so that its rules count. Folders whose pictures are
 * cropped or padded, or resized by a filter that is not built, are left to the library.
 */
export function pillowSizer(where: string, folder: string): PictureSizer {
  const filter = filterOf(where, folder);
  return async (picture, process) => {
    const processed = await process(picture);
    const [height, width] = processed.pixel_values?.dims.slice(-2) ?? [];
    if (!filter || !height || !width || (height === picture.height && width === picture.width))
      return processed;
    const again = await process(resizePillow(picture, width, height, filter));
    const [rows, columns] = again.pixel_values?.dims.slice(-2) ?? [];
    return rows === height && columns === width ? again : processed;
  };
}

function filterOf(where: string, folder: string): PillowFilter | undefined {
  try {
    const config = readPreprocessor(folder);
    if (config.do_resize === false || config.do_center_crop === true || config.do_pad === true)
      return undefined;
    // DPT's processor is bicubic where its file says nothing, the others bilinear.
    const isDpt = /^DPT/.test(String(config.image_processor_type ?? config.feature_extractor_type));
    return pillowFilter(where, Number(config.resample ?? (isDpt ? 3 : 2)));
  } catch {
    return undefined;
  }
}
