import { join } from "node:path";
import { ControlNetError } from "@controlnet-js/core";
import { writeAll, writeFileAtomically } from "./atomic.js";
import { readRegularFile } from "./read-file.js";

/**
 * Reads a JSON file that holds an object.
 * @throws ControlNetError `io` for anything but a regular file, or one too large, `format` for text that is not a JSON object
 */
export function readJson(path: string): Record<string, unknown> {
  const text = readRegularFile(path).toString("utf8");
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch (cause) {
    throw new ControlNetError("format", `${path} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ControlNetError("format", `${path}: expected a JSON object`);
  if (isDeeperThan(value, DEPTH_LIMIT))
    throw new ControlNetError("format", `${path}: objects and lists nested more than ${DEPTH_LIMIT} deep`);
  return value as Record<string, unknown>;
}

/** No config or index nests so deep; whoever walks through a value by recursion runs out of stack at some thousands. */
const DEPTH_LIMIT = 100;

function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((one) => Object.values(one as object).filter(isObject));
  }
  return false;
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

/** Python writes numbers that JSON lacks: infinities, as in `scheduler_config.json`, become themselves, NaN null. */
function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const known = text
      .replace(/(?<before>[:[,]\s*-?)Infinity\b/g, "$<before>1e999")
      .replace(/(?<before>[:[,]\s*)NaN\b/g, "$<before>null");
    if (known === text) throw error;
    return JSON.parse(known);
  }
}

/** The text of a JSON file as published folders have it: sorted by nothing, indented, ending in a new line. */
export const jsonBytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

/**
 * Reads the `config.json` of a model folder.
 * @param name of the file, e.g. `model_index.json` or `scheduler_config.json`
 * @throws ControlNetError `io` where there is none, `format` where it is no JSON object
 */
export const readConfig = (folder: string, name = "config.json"): Record<string, unknown> =>
  readJson(join(folder, name));

/** Writes the `config.json` of a model folder: aside, then renamed. The folder must exist. */
export async function writeConfig(folder: string, config: object, name = "config.json"): Promise<void> {
  await writeFileAtomically(join(folder, name), (handle) => writeAll(handle, jsonBytes(config)));
}
