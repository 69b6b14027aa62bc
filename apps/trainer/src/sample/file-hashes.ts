import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { SampleParameters } from "./sample-parameters.js";

/** The SHA-256 of files, by their paths. */
export type FileHashes = Readonly<Record<string, string>>;

/** The files that decide a picture beside models, by the parameters that name them. */
const inputFiles = (parameters: SampleParameters): string[] => {
  const { initImage, initLatents, mask, latents, promptEmbeds, config, controls } = parameters;
  const ofControls = controls.flatMap((control) => [control.map, control.image, control.mask]);
  const all = [initImage, initLatents, mask, latents, promptEmbeds, config, ...ofControls];
  return [...new Set(all.filter((path) => path !== undefined))];
};

/** Hashes the files of the parameters; those that can't be read are left to whoever reads them. */
export async function hashFiles(parameters: SampleParameters): Promise<FileHashes> {
  const hashes: Record<string, string> = {};
  for (const path of inputFiles(parameters)) {
    const hash = createHash("sha256");
    try {
      await pipeline(createReadStream(path), hash);
      hashes[path] = hash.digest("hex");
    } catch {
      // Told, with what the file was for, where it is read.
    }
  }
  return hashes;
}

/** A warning for each file that is not what it was when the picture was made that is made again. */
export const changedFiles = (before: FileHashes, now: FileHashes): string[] =>
  Object.entries(now).flatMap(([path, hash]) =>
    before[path] === undefined || before[path] === hash
      ? []
      : [`${path}: has changed since the picture was made: this one will be another`],
  );
