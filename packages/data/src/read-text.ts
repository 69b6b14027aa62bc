import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { isControlNetError } from "@controlnet-js/core";
import { locateInside } from "./inside-directory.js";

/** Bytes that a caption's file may have: a prompt has a few hundreds. */
export const captionLimit = 2 ** 16;
/** Bytes that a dataset's list may have: a million pictures with long captions take less. */
export const listLimit = 2 ** 28;

/**
 * Reads a text file of a dataset's folder, without a byte order mark.
 * @param limit bytes that it may have
 * @param followLinks whether a link may lead out of the folder
 * @throws SampleError `data` for a link that leaves the folder; an Error that says what else is wrong
 */
export async function readTextInside(
  root: string,
  file: string,
  limit: number,
  followLinks: boolean,
): Promise<string> {
  const path = await locateInside(root, file, followLinks);
  try {
    return readRegularFile(path, limit, { followLink: false })
      .toString("utf8")
      .replace(/^\uFEFF/, "");
  } catch (error) {
    // Callers name the file as the dataset does; what is wrong with it is the cause.
    throw isControlNetError(error) && error.cause instanceof Error ? error.cause : error;
  }
}
