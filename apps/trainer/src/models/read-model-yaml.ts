import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { hintsFromLdm } from "@controlnet-js/pipeline/node";
import { parse } from "yaml";

/**
 * Reads the original code's model yaml, such as `cldm_v15.yaml`, for `openPipeline` and the others.
 * @throws ControlNetError `io`, `format`, `config` or `unsupported`, naming the file
 */
export function readModelYaml(path: string): unknown {
  const config = parsed(path, textOf(path));
  try {
    hintsFromLdm(config);
  } catch (cause) {
    if (!isControlNetError(cause)) throw cause;
    throw new ControlNetError(cause.code, `${path}: ${cause.message.replace(/^config: /, "")}`, { cause });
  }
  return config;
}

function textOf(path: string): string {
  return readRegularFile(path).toString("utf8");
}

function parsed(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    // What follows the first line is the place in the text, drawn.
    const [reason] = (cause as Error).message.split("\n");
    throw new ControlNetError("format", `${path} is not valid YAML: ${reason!.replace(/:$/, "")}`, { cause });
  }
}
