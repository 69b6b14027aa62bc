import { mkdirSync, rmSync } from "node:fs";

/** Runs `body` with a new folder that is removed afterwards, also where the process exits within. */
export async function withFolderAside<T>(folder: string, body: () => Promise<T>): Promise<T> {
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  remove();
  mkdirSync(folder, { recursive: true });
  process.once("exit", remove);
  try {
    return await body();
  } finally {
    process.off("exit", remove);
    remove();
  }
}
