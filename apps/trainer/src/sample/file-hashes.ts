import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { openRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError } from "@controlnet-js/core";
import type { SampleParameters } from "./sample-parameters.js";

/** The SHA-256 of files, by their paths. */
export type FileHashes = Readonly<Record<string, string>>;

/** The most bytes of a picture, a map, latents or embeddings: Node reads no larger file whole. */
export const INPUT_LIMIT = 2 ** 31 - 1;

/** The files that decide a picture beside models, by the parameters that name them. */
export const inputFiles = (parameters: SampleParameters): string[] => {
  const { initImage, initLatents, mask, latents, promptEmbeds, config, controls } = parameters;
  const ofControls = controls.flatMap((control) => [control.map, control.image, control.mask]);
  const all = [initImage, initLatents, mask, latents, promptEmbeds, config, ...ofControls];
  return [...new Set(all.filter((path) => path !== undefined))];
};

/**
 * Hashes the files of the parameters; one that is not there is left to whoever reads it.
 * @throws ControlNetError `io` for anything but a regular file (a pipe, a device), and for one of 2 GiB or more
 */
export async function hashFiles(parameters: SampleParameters): Promise<FileHashes> {
  const hashes: [string, string][] = [];
  for (const path of inputFiles(parameters)) {
    const hash = await hashFile(path);
    if (hash !== undefined) hashes.push([path, hash]);
  }
  return Object.fromEntries(hashes);
}

async function hashFile(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  const { fd, size } = openRegularFile(path, INPUT_LIMIT);
  const hash = createHash("sha256");
  try {
    // No more than its size: what grows while it is read would never end.
    if (size === 0) closeSync(fd);
    else await pipeline(createReadStream("", { fd, end: size - 1 }), hash);
  } catch (cause) {
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  }
  return hash.digest("hex");
}

/** A warning for each file that is not what it was when the picture was made that is made again. */
export const changedFiles = (before: FileHashes, now: FileHashes): string[] =>
  Object.entries(now).flatMap(([path, hash]) =>
    !Object.hasOwn(before, path) || before[path] === hash
      ? []
      : [`${path}: has changed since the picture was made: this one will be another`],
  );
