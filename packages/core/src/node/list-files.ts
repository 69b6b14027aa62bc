import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

/** How a folder is listed. */
export interface ListOptions {
  /** Whether folders behind links are listed too, each once. Default false. */
  followLinks?: boolean;
  /** Called with the path in the folder of each entry that is not a file: pipes, devices, sockets, links to these or to nothing. */
  onSkip?: (path: string) => void;
}

/**
 * The regular files in a folder and the folders below it, as sorted paths in it. A link counts where it ends at a
 * regular file; pipes, devices and sockets are left out, and so are hidden files and folders.
 * @throws the file system's own error where a folder can't be listed
 */
export async function listFiles(
  root: string,
  { followLinks = false, onSkip }: ListOptions = {},
): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set([await realpath(root)]);
  const walk = async (within: string): Promise<void> => {
    const links: string[] = [];
    const folders: string[] = [];
    for (const entry of await readdir(join(root, within), { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = within === "" ? entry.name : join(within, entry.name);
      if (entry.isFile()) found.push(path);
      else if (entry.isDirectory()) folders.push(path);
      else if (entry.isSymbolicLink()) links.push(path);
      else onSkip?.(path);
    }
    for (const path of links) {
      // A link that leads nowhere is no file.
      const end = await stat(join(root, path)).catch(() => undefined);
      if (end?.isFile()) found.push(path);
      else if (!end?.isDirectory()) onSkip?.(path);
      else if (followLinks) folders.push(path);
    }
    for (const path of folders) {
      if (followLinks) {
        const real = await realpath(join(root, path));
        if (seen.has(real)) continue;
        seen.add(real);
      }
      await walk(path);
    }
  };
  await walk("");
  // By code units: the order must not depend on the locale.
  return found.sort();
}
