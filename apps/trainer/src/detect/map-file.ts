import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { pngWithText, readPngText } from "@controlnet-js/pipeline/node";
import sharp from "sharp";
import type { Detector } from "./detector.js";

const keyword = "controlnet-condition";
/** How every PNG ends: the IEND chunk with its checksum. */
const pngEnd = Buffer.from("IEND\xaeB`\x82", "latin1");

const described = ({ condition, options }: Detector): string => JSON.stringify(condition.metadata(options));

/**
 * Writes a map as PNG, with the condition and its options in a text chunk. The file appears whole or not at all.
 * A map of more than three channels is written as pictures below one another: of three channels each where that
 * divides them, else of one.
 * @throws ControlNetError `io` naming the file
 */
export async function writeMap(path: string, map: Image, detector: Detector): Promise<void> {
  const png = pngWithText(await encodeMap(map), keyword, described(detector));
  const part = join(dirname(path), `.${basename(path)}.part`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(part, png);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined);
    throw new ControlNetError("io", `can't write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Whether `path` is a whole map of the same condition and options that is no older than its picture. */
export async function isMapDone(path: string, source: string, detector: Detector): Promise<boolean> {
  try {
    const [map, picture] = await Promise.all([stat(path), stat(source)]);
    if (map.mtimeMs < picture.mtimeMs) return false;
    const png = await readFile(path);
    return png.subarray(-pngEnd.length).equals(pngEnd) && readPngText(png, keyword) === described(detector);
  } catch {
    return false;
  }
}

/** Maps are lines and flat colours: the default, 6, takes four times as long for files that are a quarter smaller. */
const compressionLevel = 2;

function encodeMap(map: Image): Promise<Buffer> {
  const { width, height, channels } = map;
  const each = channels % 3 === 0 ? 3 : 1;
  const pictures = channels / each;
  const stacked = pictures === 1 ? map.data : new Uint8Array(map.data.length);
  if (pictures > 1)
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < channels; c++)
        stacked[(Math.floor(c / each) * width * height + i) * each + (c % each)] =
          map.data[i * channels + c]!;
  return sharp(stacked, { raw: { width, height: height * pictures, channels: each } })
    .toColourspace(each === 1 ? "b-w" : "srgb")
    .png({ compressionLevel })
    .toBuffer();
}
