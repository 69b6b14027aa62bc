import { stat } from "node:fs/promises";
import { ControlNetError } from "@controlnet-js/core";

const identity = (path: string) =>
  stat(path, { bigint: true }).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => undefined,
  );

/**
 * Refuses to write a map over what it is made of, however the two paths are spelled or linked.
 * @throws ControlNetError `config`
 */
export async function assertOtherFile(out: string, source: string): Promise<void> {
  const [to, from] = await Promise.all([identity(out), identity(source)]);
  if (to !== undefined && to === from)
    throw new ControlNetError(
      "config",
      `controlnet detect: --out ${out} would overwrite ${source}; give another file`,
    );
}
