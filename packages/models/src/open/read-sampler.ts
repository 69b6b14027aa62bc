import { extname } from "node:path";
import { ControlNetError, isControlNetError } from "@controlnet-js/core";
import { readSchedulerConfig, type SchedulerConfig } from "@controlnet-js/samplers";
import { readText } from "./read-text.js";

/**
 * A sampler as the command line names it: its name, or the path of a diffusers `scheduler_config.json`, all of whose
 * settings are then obeyed.
 * @throws ControlNetError `io`, `format`, `config` or `unsupported`, naming the file
 */
export function readSampler(sampler: string): string | SchedulerConfig {
  if (extname(sampler) !== ".json") return sampler;
  const text = readText(sampler);
  try {
    return readSchedulerConfig(text);
  } catch (cause) {
    if (!isControlNetError(cause)) throw cause;
    throw new ControlNetError(cause.code, `${sampler}: ${cause.message}`, { cause });
  }
}
