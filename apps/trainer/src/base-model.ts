import type { Pipeline } from "@controlnet-js/pipeline";
import { loadPipeline } from "@controlnet-js/pipeline/node";
import { weightsFolder } from "@controlnet-js/tinyworld/node";

/** Loads a base model: `"tinyworld"`, or a folder in diffusers' layout. */
export const loadBase = (base: string): Promise<Pipeline> =>
  loadPipeline(base === "tinyworld" ? weightsFolder() : base);
