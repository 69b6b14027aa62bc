import { disposeTree, jit } from "@controlnet-js/core";
import type { Dataset } from "@controlnet-js/data";
import { encodeTexts } from "@controlnet-js/text-encoder";
import { noisedBatch } from "./diffusion-batch.js";
import { type TextToImageBatch, type TextToImageParams, textToImageLoss, withParams } from "./losses.js";
import type { TextToImageTaskOptions } from "./text-to-image-task.js";

/** What is measured, and on what. */
export type HeldOutLossOptions = Pick<
  TextToImageTaskOptions,
  "models" | "tokenizer" | "latents" | "schedule" | "scalingFactor" | "seed"
> & {
  /** Samples never trained on. */
  heldOut: Dataset;
  /** How many of them are asked, `batchSize` at a time. */
  samples: number;
  batchSize: number;
};

/** A measurement that is the same for the same parameters. */
export interface HeldOutLoss {
  /** Throws what the signal says where it is aborted. */
  measure(params: TextToImageParams, signal?: AbortSignal): Promise<number>;
  dispose(): void;
}

/** The loss of a text-to-image model on held-out samples, each with the same timestep and noise every time. */
export function createHeldOutLoss(options: HeldOutLossOptions): HeldOutLoss {
  const { models, tokenizer, latents, heldOut, batchSize } = options;
  const fixed = { ...options, seed: options.seed + 1 };
  const loss = jit(
    (params: TextToImageParams, batch: TextToImageBatch) =>
      textToImageLoss(withParams(models, params), batch),
    { name: "held-out-loss" },
  );
  return {
    async measure(params, signal) {
      const count = Math.min(options.samples, heldOut.size);
      let sum = 0;
      for (let start = 0; start < count; start += batchSize) {
        signal?.throwIfAborted();
        const indices = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => start + i);
        const samples = await Promise.all(indices.map((index) => heldOut.load(index)));
        const { tokens } = encodeTexts(
          tokenizer,
          samples.map(({ caption }) => caption),
        );
        const batch = { ...noisedBatch(await latents.of(samples), indices, fixed), tokens };
        const value = loss(params, batch);
        sum += (await value.data())[0]! * (indices.length / count);
        value.dispose();
        disposeTree(batch);
      }
      return sum;
    },
    dispose: () => loss.dispose(),
  };
}
