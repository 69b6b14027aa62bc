import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ControlNetError } from "@controlnet-js/core";

/**
 * The folder of the small trained weights that come with this package: text encoder, U-Net and autoencoder in
 * diffusers' layout, half precision.
 * @throws ControlNetError `missing` where the package was installed without them
 */
export function weightsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (true) {
    const weights = join(folder, "weights");
    if (existsSync(join(weights, "model_index.json"))) return weights;
    const parent = dirname(folder);
    if (parent === folder || existsSync(join(folder, "package.json")))
      throw new ControlNetError(
        "missing",
        `weightsFolder: no weights beside ${folder}; install @controlnet-js/tinyworld anew`,
      );
    folder = parent;
  }
}
