import { ControlNetError, type Image } from "@controlnet-js/core";
import { overWhite } from "../alpha.js";
import { assertImage, type ByteImage } from "../image.js";
import { resize } from "../resize.js";

/**
 * A picture without its detail, at its size: shrunk by area and enlarged again. The web UI's `tile_resample` is the
 * first half.
 * @param image `[height, width, channels]`
 * @param factor how many times smaller, 1-64; below 1.1 the picture is returned as it is
 * @throws ControlNetError `shape` or `range`
 */
export function tile(image: Image, factor = 1): ByteImage {
  assertImage("tile", image);
  if (!(factor >= 1 && factor <= 64))
    throw new ControlNetError("range", `tile: expected a factor of 1 to 64, got ${factor}`);
  const shrunk = tileResample(image, factor);
  return resize(shrunk, image.width, image.height, "cubic");
}

/**
 * The web UI's `tile_resample`: both sides divided by `factor` and rounded down, by area; a copy where it is below 1.1.
 * @throws ControlNetError `shape`, or `range` for a factor below 1
 */
export function tileResample(image: Image, factor: number): ByteImage {
  assertImage("tileResample", image);
  if (!(factor >= 1) || !Number.isFinite(factor))
    throw new ControlNetError("range", `tileResample: expected a finite factor of at least 1, got ${factor}`);
  if (factor < 1.1) return { ...image, data: new Uint8Array(image.data) };
  const side = (size: number) => Math.max(1, Math.trunc(size / factor));
  return resize(image, side(image.width), side(image.height), "area");
}

/**
 * The colours of a picture as large blocks: cubic to one pixel a block, then nearest (T2I-Adapter's colour grid, the
 * web UI's `color`).
 * @param image `[height, width, 1, 3 or 4]`; transparent parts are laid over white
 * @param block the side of a block in pixels; default 64
 * @returns `[height, width, 3]`
 * @throws ControlNetError `shape` or `range`
 */
export function colourGrid(image: Image, block = 64): ByteImage {
  assertImage("colourGrid", image, [1, 3, 4]);
  if (!Number.isInteger(block) || block < 1)
    throw new ControlNetError("range", `colourGrid: expected a block of whole pixels, got ${block}`);
  const side = (size: number) => Math.max(1, Math.floor(size / block));
  const small = resize(overWhite(image), side(image.width), side(image.height), "cubic");
  return resize(small, image.width, image.height, "nearest");
}
