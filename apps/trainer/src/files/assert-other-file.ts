import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { ControlNetError } from "@controlnet-js/core";

/** What a path is, however it is spelled or linked; undefined where nothing is. */
async function identityOf(path: string) {
  try {
    const [found, real] = await Promise.all([stat(path, { bigint: true }), realpath(path)]);
    return { file: `${found.dev}:${found.ino}`, real, isFolder: found.isDirectory() };
  } catch {
    return undefined;
  }
}

/**
 * Refuses to write a result over what it is made of, a file or a file of a folder, however the paths are spelled or linked.
 * @param option that names the result, for the error: "detect: --out"
 * @throws ControlNetError `config`
 */
export async function assertOtherFile(
  option: string,
  out: string,
  sources: readonly (string | undefined)[],
): Promise<void> {
  const to = await identityOf(out);
  if (!to) return;
  for (const source of sources) {
    const from = source === undefined ? undefined : await identityOf(source);
    if (from && (from.file === to.file || (from.isFolder && to.real.startsWith(from.real + sep))))
      throw new ControlNetError(
        "config",
        `controlnet ${option} ${out} would overwrite ${source}; give another file`,
      );
  }
}
