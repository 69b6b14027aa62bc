import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { SampleError } from "./sample-error.js";

const leaves = (root: string, file: string): boolean => {
  const path = relative(root, file);
  return path === "" || path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
};

/**
 * The absolute path of a file that a dataset's list names, relative to the dataset's folder.
 * @param where the list and line, for the message
 * @throws ControlNetError `data` for an absolute path or one that leaves the folder
 */
export function pathInside(where: string, root: string, path: string): string {
  const file = resolve(root, path);
  if (path.includes("\0") || isAbsolute(path) || leaves(resolve(root), file))
    throw new ControlNetError(
      "data",
      `${where}: expected a path inside ${root}, got ${JSON.stringify(path)}`,
    );
  return file;
}

/**
 * Refuses a file that a symbolic link places outside the folder.
 * @throws SampleError `data`; the file system's own error where there is no such file
 */
export async function checkLinksInside(root: string, file: string): Promise<void> {
  await locateInside(root, file, false);
}

/**
 * The path at which a file of the folder really lies, all links resolved.
 * @param followLinks whether that may be outside the folder
 * @throws as {@link checkLinksInside}
 */
export async function locateInside(root: string, file: string, followLinks: boolean): Promise<string> {
  const [realRoot, realFile] = await Promise.all([realpath(root), realpath(file)]);
  if (followLinks || !leaves(realRoot, realFile)) return realFile;
  throw new SampleError({
    code: "data",
    message: `${file}: a link leads outside ${root}, to ${realFile}; pass followLinks: true if that is meant`,
    file,
    skippable: false,
  });
}
