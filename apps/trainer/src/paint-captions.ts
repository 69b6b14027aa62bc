import type { Image } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import type { CompiledPipeline } from "@controlnet-js/pipeline";
import { colourCheck } from "@controlnet-js/tinyworld";
import { contactSheet } from "./contact-sheet.js";
import type { Painting } from "./run-progress.js";

/** How captions are painted. */
export interface CaptionOptions {
  /** Samples on the sheet, from the first; the sheet shows at least one. */
  shown: number;
  samplingSteps: number;
  guidance: number;
  seed: number;
  batchSize: number;
  /** Aborting ends the painting with an error. */
  signal?: AbortSignal | undefined;
}

/** Paints tinyworld captions: a sheet of the first ones, and the share whose main object has the right colour. */
export async function paintCaptions(
  compiled: CompiledPipeline,
  samples: readonly Sample[],
  { shown, samplingSteps, guidance, seed, batchSize, signal }: CaptionOptions,
): Promise<Painting> {
  const images: Image[] = [];
  for (let start = 0; start < samples.length; start += batchSize) {
    const part = samples.slice(start, start + batchSize);
    const painted = await compiled.textToImage({
      prompts: part.map(({ caption }) => caption),
      steps: samplingSteps,
      guidance,
      seed,
      indices: part.map((_, i) => start + i),
      width: part[0]!.image.width,
      height: part[0]!.image.height,
      ...(signal && { signal }),
    });
    painted.latents.dispose();
    images.push(...painted.images);
  }
  const right = samples.filter(({ caption }, i) => colourCheck(images[i]!, caption).right).length;
  const rows = samples
    .slice(0, Math.max(1, shown))
    .map(({ image, caption }, i) => ({ images: [images[i]!, image], caption }));
  return {
    sheet: await contactSheet(["painted", "the scene"], rows),
    figures: { colour_right: right / samples.length },
  };
}
