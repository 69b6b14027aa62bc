import { holdLock } from "@controlnet-js/core/node";

/** A large download on a slow line takes less; after it, whoever holds the lock is stuck. */
const longest = 3600;

/**
 * Runs `body` while holding the lock file `path`. Waits for another process as long as it shows signs of life, an hour at
 * most; takes over from a dead one.
 * @param onWait called once if the lock is held by someone else
 * @throws ControlNetError `state` naming the file and who holds it, where that one does not end
 */
export async function withLock<T>(
  path: string,
  body: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  const release = await holdLock(path, {
    held: "another process is installing the engine",
    wait: longest,
    onWait,
  });
  try {
    return await body();
  } finally {
    release();
  }
}
