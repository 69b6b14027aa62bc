import { rmSync } from "node:fs";
import { join } from "node:path";
import { ControlNetError, type Image } from "@controlnet-js/core";
import { encodePng, pngWithText } from "@controlnet-js/preprocessors/node";
import { removeLeftParts, writeNewFile } from "../files/replace-file.js";
import { parametersKeyword } from "./sample-parameters.js";

/**
 * Writes into a folder that is there each picture as `picture-SEED-NUMBER.png` with its details inside, and those as JSON
 * beside it. Nothing is overwritten: where a number is taken, the picture gets the next free one.
 * @returns the paths of the PNG files
 * @throws ControlNetError `io` where they can't be written
 */
export async function writePictures(
  folder: string,
  images: readonly Image[],
  details: { seed: number; first: number; [key: string]: unknown },
): Promise<string[]> {
  await removeLeftParts(folder);
  const files: string[] = [];
  for (const [place, image] of images.entries()) {
    const own = { ...details, index: details.first + place };
    const png = pngWithText(await encodePng(image), parametersKeyword, JSON.stringify(own));
    const json = `${JSON.stringify(own, null, 2)}\n`;
    const pathOf = (number: number) => join(folder, `picture-${details.seed}-${number}.png`);
    let number = own.index;
    try {
      while (!writePair(pathOf(number), png, json)) number++;
    } catch (cause) {
      throw new ControlNetError("io", `can't write ${pathOf(number)}: ${(cause as Error).message}`, {
        cause,
      });
    }
    files.push(pathOf(number));
  }
  return files;
}

/** Writes a picture and the JSON beside it, or neither where one of them is there. */
function writePair(path: string, png: Uint8Array, json: string): boolean {
  if (!writeNewFile(path, png)) return false;
  try {
    if (writeNewFile(path.replace(/png$/, "json"), json)) return true;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  rmSync(path, { force: true });
  return false;
}
