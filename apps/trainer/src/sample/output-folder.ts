import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { makeFolder } from "../files/make-folder.js";

/**
 * Checks, before anything is computed for it, that a folder is there or can be made; it is not made yet.
 * @param option that names it, for errors, as is the command
 * @throws ControlNetError `io`
 */
export async function assertFolder(option: string, path: string, command = "sample"): Promise<void> {
  const refuse = (cause: Error): never => {
    throw cannot(option, path, cause, command);
  };
  const found = await stat(path).catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" ? undefined : refuse(error),
  );
  if (!found && dirname(path) !== path) return assertFolder(option, dirname(path), command);
  if (!found?.isDirectory()) refuse(new Error("it is no folder"));
  await access(path, constants.W_OK).catch(refuse);
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

const cannot = (option: string, path: string, cause: Error, command = "sample"): ControlNetError =>
  new ControlNetError("io", `controlnet ${command}: ${option}: can't write into ${path}: ${cause.message}`, {
    cause,
  });
