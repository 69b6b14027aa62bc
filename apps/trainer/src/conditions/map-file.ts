import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { encodeLines, toRgb } from "@controlnet-js/preprocessors";
import sharp from "sharp";
import { makeFolder } from "../files/make-folder.js";
import { replaceFile, writeNewFile } from "../files/replace-file.js";
import type { Detector } from "./detector.js";

const keyword = "controlnet-condition";
/** How every PNG ends: the IEND chunk with its checksum. */
const pngEnd = Buffer.from("IEND\xaeB`\x82", "latin1");

/** How a map was made; a map that would be made otherwise has another text. */
const described = ({ condition, options, size, network, module }: Detector): string =>
  JSON.stringify({ ...condition.metadata(options), size, network, module });

/** Reading and writing the texts of any PNG, which only some commands need. */
const pngTexts = () => import("@controlnet-js/preprocessors/node");

/**
 * Writes a map as PNG, with the condition, its options, the size and the network in a text chunk. The file appears whole or
 * not at all. A map of more than three channels is written as pictures below one another: of three channels each where that
 * divides them, else of one. Small files are written ten times as fast when nothing else is done meanwhile.
 * @param isNew never over a file that is there
 * @returns false where `isNew` and there is one
 * @throws ControlNetError `io` naming the file
 */
export async function writeMap(
  path: string,
  map: Image,
  detector: Detector,
  isNew = false,
): Promise<boolean> {
  const write = (): boolean => {
    if (isNew) return writeNewFile(path, png);
    replaceFile(path, png);
    return true;
  };
  const png = await encodeMap(map, detector.condition.channels, described(detector));
  try {
    try {
      return write();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      await makeFolder(dirname(path));
      return write();
    }
  } catch (cause) {
    throw new ControlNetError("io", `can't write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Whether `path` is a whole map, made as this one would be, that is no older than its picture. */
export async function isMapDone(path: string, source: string, detector: Detector): Promise<boolean> {
  try {
    const [map, picture] = await Promise.all([stat(path), stat(source)]);
    if (!map.isFile() || map.mtimeMs < picture.mtimeMs) return false;
    const png = await readFile(path);
    if (!png.subarray(-pngEnd.length).equals(pngEnd)) return false;
    return (await pngTexts()).readPngText(png, keyword) === described(detector);
  } catch {
    return false;
  }
}

/** Maps are lines and flat colours: the default, 6, takes four times as long for files that are a quarter smaller. */
const compressionLevel = 2;

/** @param channels of the condition; a map of one is repeated in each */
async function encodeMap(map: Image, channels: number, text: string): Promise<Uint8Array> {
  if (map.channels === 1 && channels === 3) {
    const lines = encodeLines(map, { channels: 3, text: { [keyword]: text } });
    return lines ?? encodeMap(toRgb(map), 3, text);
  }
  const { width, height } = map;
  const each = channels % 3 === 0 ? 3 : 1;
  const pictures = channels / each;
  const data = pictures === 1 ? map.data : stacked(map, each);
  const picture = { data, width, height: height * pictures, channels: each };
  const lines = encodeLines(picture, { text: { [keyword]: text } });
  if (lines) return lines;
  const png = await sharp(data, { raw: { width, height: picture.height, channels: each } })
    .toColourspace(each === 1 ? "b-w" : "srgb")
    .png({ compressionLevel })
    .toBuffer();
  return (await pngTexts()).pngWithText(png, keyword, text);
}

/** The channels of a map as pictures of `each` channels, one after another. */
function stacked({ data, width, height, channels }: Image, each: number): Uint8Array {
  const result = new Uint8Array(data.length);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < channels; c++)
      result[(Math.floor(c / each) * width * height + i) * each + (c % each)] = data[i * channels + c]!;
  return result;
}
