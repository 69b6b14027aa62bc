import { readFileSync } from "node:fs";
import { ControlNetError } from "@controlnet-js/core";

/** Reads a text file of a model folder, or says which is lacking. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ControlNetError("io", `can't read ${path}: ${(cause as Error).message}`, { cause });
  }
}
