import { readRegularFile } from "@controlnet-js/checkpoints/node";
import { ControlNetError, type ErrorCode } from "@controlnet-js/core";
import { parse } from "yaml";

/** Bytes of the largest YAML that is read: a config has one or two thousand. Repeated keys are looked for in quadratic time. */
const YAML_LIMIT = 2 ** 16;

/**
 * Reads a YAML file as plain data.
 * @param where named in errors: `controlnet train: config.yaml`
 * @throws ControlNetError `io` for anything but a regular file of at most 64 KiB; as {@link parseYaml}
 */
export function readYaml(path: string, where: string, code: ErrorCode): unknown {
  let text: string;
  try {
    text = readRegularFile(path, YAML_LIMIT).toString("utf8");
  } catch (cause) {
    throw new ControlNetError("io", `can't read the config ${path}: ${(cause as Error).message}`, { cause });
  }
  return parseYaml(text, where, code);
}

/**
 * Parses YAML as plain data: no tag makes anything else of it, and aliases that would multiply it are refused.
 * @throws ControlNetError of the given code for text that is not YAML
 */
export function parseYaml(text: string, where: string, code: ErrorCode): unknown {
  try {
    return parse(text, { maxAliasCount: 100, logLevel: "error" });
  } catch (cause) {
    // What follows the first line is the place in the text, drawn.
    const [reason] = (cause as Error).message.split("\n");
    throw new ControlNetError(code, `${where} is not valid YAML: ${reason!.replace(/:$/, "")}`, { cause });
  }
}
