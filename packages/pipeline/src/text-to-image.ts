import type { Pipeline } from "@controlnet-js/models";
import { compilePipeline } from "./compile-pipeline.js";
import type { TextToImageOptions, TextToImageResult } from "./text-to-image-options.js";

/**
 * Makes pictures from prompts, with any number of ControlNets. For more than one run use `compilePipeline`, which keeps
 * the compiled functions.
 * @returns pictures, and latents that the caller disposes
 * @throws ControlNetError `config`, `shape`, `range` or `missing` for bad options; `data` where a latent is no longer
 * finite, naming the step; `aborted`
 */
export async function textToImage(
  pipeline: Pipeline,
  options: TextToImageOptions,
): Promise<TextToImageResult> {
  const compiled = compilePipeline(pipeline);
  try {
    return await compiled.textToImage(options);
  } finally {
    compiled.dispose();
  }
}
