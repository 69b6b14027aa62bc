import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

function holderIsGone(path: string): boolean {
  try {
    const [pid, host] = readFileSync(path, "utf8").split(" ");
    if (host !== hostname()) return false;
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/**
 * Runs `body` while holding the lock file `path`. Waits for another live process; takes over from a dead one.
 * @param onWait called once if the lock is held by someone else
 */
export async function withLock<T>(
  path: string,
  body: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${path}.${process.pid}`;
  for (let waited = false; ; ) {
    try {
      writeFileSync(path, `${process.pid} ${hostname()}`, { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (holderIsGone(path)) {
      // Renaming first makes sure that of two waiting processes only one removes the stale file.
      try {
        renameSync(path, mine);
        rmSync(mine, { force: true });
      } catch {
        // the other one was faster
      }
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await sleep(200);
  }
  try {
    return await body();
  } finally {
    rmSync(path, { force: true });
  }
}
