import type { Pipeline } from "@controlnet-js/models";
import { type CompiledModels, compileModels } from "./compiled-models.js";
import { runTextToImage } from "./run.js";
import type { TextToImageOptions, TextToImageResult } from "./text-to-image-options.js";

/** A pipeline whose functions stay compiled from run to run. It does not own the pipeline's parameters. */
export interface CompiledPipeline extends CompiledModels, Disposable {
  /** As {@link textToImage}. */
  textToImage(options: TextToImageOptions): Promise<TextToImageResult>;
}

/**
 * Makes the functions that sampling needs, compiled where the engine can (see core's `jit`): one for U-Net, ControlNets
 * and guidance together, one for the decoder, and so on. Parameters are passed at each call, so that they may be trained
 * in between.
 */
export function compilePipeline(pipeline: Pipeline): CompiledPipeline {
  const compiled = compileModels(pipeline);
  return {
    ...compiled,
    textToImage: (options) => runTextToImage(compiled, options),
    [Symbol.dispose]: compiled.dispose,
  };
}

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
  using compiled = compilePipeline(pipeline);
  return await compiled.textToImage(options);
}
