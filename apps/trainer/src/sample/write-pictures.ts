import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Image } from "@controlnet-js/core";
import { pngWithText } from "@controlnet-js/pipeline/node";
import { encodePng } from "../contact-sheet.js";
import { parametersKeyword } from "./sample-parameters.js";

/**
 * Writes into a folder that is there each picture as `picture-SEED-NUMBER.png` with its details inside, and those as JSON beside it.
 * @returns the paths of the PNG files
 */
export async function writePictures(
  folder: string,
  images: readonly Image[],
  details: { seed: number; first: number; [key: string]: unknown },
): Promise<string[]> {
  const files: string[] = [];
  for (const [place, image] of images.entries()) {
    const index = details.first + place;
    const own = { ...details, index };
    const path = join(folder, `picture-${details.seed}-${index}.png`);
    await writeFile(path, pngWithText(await encodePng(image), parametersKeyword, JSON.stringify(own)));
    await writeFile(path.replace(/png$/, "json"), `${JSON.stringify(own, null, 2)}\n`);
    files.push(path);
  }
  return files;
}
