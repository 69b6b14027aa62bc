import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { ControlNetError } from "@controlnet-js/core";
import { restoreFolder } from "./restore-folder.js";

/** Opening a pipe must not wait for its writer; Windows has no such flags. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const noLink = constants.O_NOFOLLOW ?? 0;

/** How to open a regular file. */
export interface RegularFileOptions {
  /** Whether the path may be a link. Default true; false where it was resolved before and must still be what it was. */
  followLink?: boolean;
}

/** Bytes of the largest text that is read whole: a tokenizer's or an index's JSON has a few millions. */
export const TEXT_LIMIT = 2 ** 26;

/**
 * Opens a regular file to read. A pipe, a device, a socket and a folder are refused at once, without waiting.
 * @param limit the most bytes that it may hold
 * @returns its descriptor, which the caller closes, and its size: what comes after that many bytes is not of the file
 * @throws ControlNetError `io` naming the file
 */
export function openRegularFile(
  path: string,
  limit = Number.POSITIVE_INFINITY,
  { followLink = true }: RegularFileOptions = {},
): { fd: number; size: number } {
  let fd: number | undefined;
  restoreFolder(path);
  try {
    // Looked at first: opening a device may do something.
    if (!statSync(path).isFile())
      throw new Error("it is not a regular file, but a folder, pipe, device or socket");
    fd = openSync(path, followLink ? flags : flags | noLink);
    const found = fstatSync(fd);
    if (!found.isFile()) throw new Error("it is not a regular file, but a folder, pipe, device or socket");
    if (found.size > limit)
      throw new Error(`it has ${found.size} bytes, more than the ${limit} that are read of such a file`);
    return { fd, size: found.size };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Reads a regular file whole.
 * @throws ControlNetError as {@link openRegularFile}
 */
export function readRegularFile(path: string, limit = TEXT_LIMIT, options: RegularFileOptions = {}): Buffer {
  const { fd, size } = openRegularFile(path, limit, options);
  try {
    const bytes = Buffer.alloc(size);
    let done = 0;
    for (let got = 1; got > 0 && done < size; done += got) got = readSync(fd, bytes, done, size - done, done);
    return bytes.subarray(0, done);
  } catch (cause) {
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  } finally {
    closeSync(fd);
  }
}
