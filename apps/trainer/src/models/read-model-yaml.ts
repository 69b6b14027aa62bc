import { readFileSync } from "node:fs";
import { ControlNetError } from "@controlnet-js/core";
import { parse } from "yaml";

/**
 * Reads the original code's model yaml, such as `cldm_v15.yaml`, for `openPipeline` and the others.
 * @throws ControlNetError `io` or `format`, naming the file
 */
export function readModelYaml(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  }
  try {
    return parse(text);
  } catch (cause) {
    throw new ControlNetError("format", `${path} is not valid YAML: ${(cause as Error).message}`, { cause });
  }
}
