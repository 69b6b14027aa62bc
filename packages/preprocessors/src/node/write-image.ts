import { randomUUID } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { ControlNetError, type Image } from "@controlnet-js/core";
import sharp from "sharp";
import { assertImage } from "../image.js";

/**
 * Writes an image as PNG. The file appears whole or not at all: it is written beside its place and renamed.
 * @param image bytes `[height, width, 1, 3 or 4]`
 * @throws ControlNetError `shape` for another layout, `io` naming the file
 */
export async function writeImage(path: string, image: Image): Promise<void> {
  const png = await encodePng(image);
  const part = `${path}.${process.pid}-${randomUUID().slice(0, 8)}.part`;
  try {
    writeFileSync(part, png);
    renameSync(part, path);
  } catch (cause) {
    rmSync(part, { force: true });
    throw new ControlNetError("io", `can't write the picture ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/**
 * An image as the bytes of a PNG.
 * @param image bytes `[height, width, 1, 3 or 4]`
 * @throws ControlNetError `shape` for another layout
 */
export async function encodePng(image: Image): Promise<Buffer<ArrayBuffer>> {
  assertImage("encodePng", image, [1, 3, 4]);
  const { data, width, height, channels } = image;
  return (await sharp(data, { raw: { width, height, channels: channels as 1 | 3 | 4 } })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .png({ compressionLevel: 6 })
    .toBuffer()) as Buffer<ArrayBuffer>;
}
