import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/** Says whose file it is: two runs may write the same map, and a host knows its own processes only. */
const host = `.controlnet-${encodeURIComponent(hostname()).slice(0, 64)}-`;
let count = 0;

/** A new file's path in a folder, to be written and then renamed. Its name is short, whatever the map's is. */
export const partPath = (folder: string): string => join(folder, `${host}${process.pid}-${count++}.part`);

/** Removes what processes of this host that were killed while writing left in a folder; one that isn't there has nothing. */
export async function removeLeftParts(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    if (!name.startsWith(host) || !name.endsWith(".part")) continue;
    const writer = Number.parseInt(name.slice(host.length), 10);
    if (!isRunning(writer)) await rm(join(folder, name), { force: true });
  }
}

/** Whether there is a process of that number, perhaps another user's. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
