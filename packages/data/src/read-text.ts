import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { locateInside } from "./inside-directory.js";

/** Bytes that a caption's file may have: a prompt has a few hundreds. */
export const captionLimit = 2 ** 16;
/** Bytes that a dataset's list may have: a million pictures with long captions take less. */
export const listLimit = 2 ** 28;

/** Opening a pipe must not wait for its writer; Windows has no such flags. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

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
  const handle = await open(await locateInside(root, file, followLinks), flags);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new Error("it is not a regular file");
    if (found.size > limit)
      throw new Error(`it has ${found.size} bytes, more than the ${limit} that are read`);
    const bytes = Buffer.alloc(found.size);
    let done = 0;
    for (let got = 1; got > 0 && done < bytes.length; done += got)
      got = (await handle.read(bytes, done, bytes.length - done, done)).bytesRead;
    return bytes.toString("utf8", 0, done).replace(/^\uFEFF/, "");
  } finally {
    await handle.close();
  }
}
