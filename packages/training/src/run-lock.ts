import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { isControlNetError } from "@controlnet-js/core";
import { holdLock } from "@controlnet-js/core/node";

/**
 * Holds a run's folder by a file within it, so that no second run removes its checkpoints, whatever machine it runs on.
 * Where the folder can't be written to, nothing can be lost and nothing is held.
 * @returns what releases the folder
 * @throws ControlNetError `state` where another run holds it, naming the process; `io` where the disk is full
 */
export async function holdFolder(folder: string): Promise<() => Promise<void>> {
  const path = await mkdir(folder, { recursive: true }).then(
    () => realpath(folder),
    () => undefined,
  );
  if (path === undefined) return async () => undefined;
  const held = `runTraining: another run is at work in ${folder}`;
  try {
    const release = await holdLock(join(path, ".lock"), { held, otherwise: "choose another folder" });
    return async () => release();
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (isControlNetError(error) && ["EACCES", "EPERM", "EROFS"].includes(code!))
      return async () => undefined;
    throw error;
  }
}
