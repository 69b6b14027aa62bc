import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { hintsFromLdm } from "@controlnet-js/models/node";
import { readYaml } from "../parse-yaml.js";

/**
 * Reads the original code's model yaml, such as `cldm_v15.yaml`, for `openPipeline` and the others.
 * @throws ControlNetError `io`, `format`, `config` or `unsupported`, naming the file
 */
export function readModelYaml(path: string): unknown {
  const config = readYaml(path, path, "format");
  try {
    hintsFromLdm(config);
  } catch (cause) {
    if (!isControlNetError(cause)) throw cause;
    throw new ControlNetError(cause.code, `${path}: ${cause.message.replace(/^config: /, "")}`, { cause });
  }
  return config;
}
