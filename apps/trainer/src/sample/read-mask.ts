import { ControlNetError, type Image } from "@controlnet-js/core";
import type { MaskMaker, PictureSize } from "@controlnet-js/pipeline/node";
import { toGrey } from "@controlnet-js/preprocessors";
import { readSource } from "../detect/read-source.js";
import { fitMap } from "./fit-map.js";

/** What a mask lies over, and who is told. */
interface MaskRequest {
  /** The picture as it was before it was fitted: a mask of its size is fitted alike. */
  beside?: PictureSize | undefined;
  warn(message: string): void;
}

/**
 * Reads a mask as one grey channel of `size`; transparent parts are white.
 * @throws ControlNetError `io` or `data`; `shape` for one that is neither of the picture's size nor of the painted one
 */
export async function readMask(
  path: string,
  size: PictureSize,
  { beside, warn }: MaskRequest,
): Promise<Image> {
  const mask = toGrey(await readSource(path));
  if (mask.data.every((value) => value < 128))
    warn(`${path}: the mask is black everywhere, and white is what is painted: nothing will be`);
  const has = (wanted: PictureSize) => mask.width === wanted.width && mask.height === wanted.height;
  if (has(size)) return mask;
  if (beside && has(beside)) return fitMap(mask, size, "area");
  const sizes = [beside ?? size, size].map(({ width, height }) => `${width}x${height}`);
  throw new ControlNetError(
    "shape",
    `${path}: expected a mask of ${[...new Set(sizes)].join(" or ")}, as the picture has it, got ${mask.width}x${mask.height}`,
  );
}

/** Reads `--control-mask`; one of another size is fitted as a map is, which is said. */
export const controlMask =
  (path: string): MaskMaker =>
  async ({ size, warn }) => {
    const mask = toGrey(await readSource(path));
    if (mask.width === size.width && mask.height === size.height) return mask;
    warn(
      `${path}: resized from ${mask.width}x${mask.height} to ${size.width}x${size.height}, the picture's size`,
    );
    return fitMap(mask, size, "area");
  };
