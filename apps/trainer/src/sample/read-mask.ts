import { ControlNetError, type Image } from "@controlnet-js/core";
import { toGrey } from "@controlnet-js/preprocessors";
import { readImage } from "@controlnet-js/preprocessors/node";
import { fitMap } from "./fit-map.js";
import type { MaskMaker, PictureSize } from "./picture-options.js";

/** What a mask lies over, and who is told. */
interface MaskRequest {
  /** The picture as it was before it was fitted: a mask of its size is fitted alike. */
  beside?: PictureSize | undefined;
  warn(message: string): void;
}

/**
 * Reads a mask as one grey channel of `size`; transparent parts are white. One of the picture's shape but another size is
 * resized, which is said.
 * @throws ControlNetError `io` or `data`; `shape` for one of another shape than the picture
 */
export async function readMask(
  path: string,
  size: PictureSize,
  { beside = size, warn }: MaskRequest,
): Promise<Image> {
  const mask = toGrey(await readImage(path, { ignoreProfile: true }));
  if (mask.data.every((value) => value < 128))
    warn(`${path}: the mask is black everywhere, and white is what is painted: nothing will be`);
  const has = ({ width, height }: PictureSize) => mask.width === width && mask.height === height;
  if (has(size)) return mask;
  if (!has(beside)) {
    if (mask.width * beside.height !== mask.height * beside.width)
      throw new ControlNetError(
        "shape",
        `${path}: expected a mask of the picture's shape, ${beside.width}x${beside.height}, got ${mask.width}x${mask.height}`,
      );
    warn(`${path}: resized from ${mask.width}x${mask.height} to ${size.width}x${size.height}`);
  }
  return fitMap(mask, size, "area");
}

/** Reads `--control-mask`; one of another size is fitted as a map is, which is said. */
export const controlMask =
  (path: string): MaskMaker =>
  async ({ size, warn }) => {
    const mask = toGrey(await readImage(path, { ignoreProfile: true }));
    if (mask.width === size.width && mask.height === size.height) return mask;
    warn(
      `${path}: resized from ${mask.width}x${mask.height} to ${size.width}x${size.height}, the picture's size`,
    );
    return fitMap(mask, size, "area");
  };
