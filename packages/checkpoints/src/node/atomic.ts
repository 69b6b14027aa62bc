import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";

/** A name beside `path`, on the same disk, that no other writer uses. */
export const asideOf = (path: string, what = "partial"): string =>
  join(dirname(path), `.${basename(path)}.${what}-${randomUUID()}`);

/** An `io` error that says what could not be saved and what to do. */
export function saveError(path: string, cause: unknown): ControlNetError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const advice =
    code === "ENOSPC" || code === "EDQUOT"
      ? "the disk is full; free some space and save again"
      : code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? "the folder can't be written to; choose another"
        : message;
  return new ControlNetError("io", `can't save ${path}: ${advice}; what was there before is unchanged`, {
    cause,
  });
}

/** Makes a rename or a new file in `folder` survive a power cut, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } catch {
    // Windows opens no folders; the rename itself is still atomic.
  } finally {
    await handle?.close();
  }
}

/** Writes all of `bytes` at the handle's position, however many calls the system needs. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(2 ** 30, bytes.byteLength - done));
    done += bytesWritten;
  }
}

/** Writes a file by `write` and brings it to the disk. */
export async function writeDurably(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const handle = await open(path, "wx");
  try {
    await write(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file aside and renames it into place, so that `path` is always the old or the new file, whole. Its folder is
 * made where it is not there.
 * @throws ControlNetError `io` where the disk is full or not writable; the old file stays
 */
export async function writeFileAtomically(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const aside = asideOf(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeDurably(aside, write);
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw isControlNetError(error) ? error : saveError(path, error);
  }
  await syncFolder(dirname(path));
}
