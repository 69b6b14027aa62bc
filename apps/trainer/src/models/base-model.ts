import type { Pipeline } from "@controlnet-js/models";
import { openPipeline } from "@controlnet-js/models/node";
import { weightsFolder } from "@controlnet-js/tinyworld/node";

/** Opens a base model: `"tinyworld"`, a folder in diffusers' layout, or a single file of the original code. */
export const loadBase = (base: string, log?: (line: string) => void): Promise<Pipeline> =>
  openPipeline(base === "tinyworld" ? weightsFolder() : base, log ? { log } : {});
