import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { makeFolder } from "../detect/make-folder.js";

/**
 * Checks, before anything is computed for it, that a folder is there or can be made; it is not made yet.
 * @param option that names it, for errors
 * @throws ControlNetError `io`
 */
export async function assertFolder(option: string, path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" ? undefined : Promise.reject(cannot(option, path, error)),
  );
  if (!found && dirname(path) !== path) return assertFolder(option, dirname(path));
  if (!found?.isDirectory()) throw cannot(option, path, new Error("it is no folder"));
  await access(path, constants.W_OK).catch((cause: Error) => {
    throw cannot(option, path, cause);
  });
}

/**
 * Checks, before anything is computed for it, that a file does not have the name of a folder.
 * @throws ControlNetError `io`
 */
export async function assertNoFolder(option: string, path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory())
    throw new ControlNetError(
      "io",
      `controlnet sample: ${option}: expected a file, such as ${join(path, "latents.safetensors")}; ${path} is a folder`,
    );
}

/**
 * Makes a folder with those above it.
 * @throws ControlNetError `io`
 */
export async function outputFolder(option: string, path: string): Promise<void> {
  await makeFolder(path).catch((cause: Error) => {
    throw cannot(option, path, cause);
  });
}

const cannot = (option: string, path: string, cause: Error): ControlNetError =>
  new ControlNetError("io", `controlnet sample: ${option}: can't write into ${path}: ${cause.message}`, {
    cause,
  });
