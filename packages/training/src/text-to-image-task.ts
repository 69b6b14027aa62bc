import { disposeTree, jit } from "@controlnet-js/core";
import type { Dataset, Sample } from "@controlnet-js/data";
import { encodeTexts, type Tokenizer } from "@controlnet-js/text-encoder";
import { dropsPrompt, type NoisingOptions, noisedBatch } from "./diffusion-batch.js";
import type { LatentCache } from "./latent-cache.js";
import {
  type LossOptions,
  type TextToImageBatch,
  type TextToImageModels,
  type TextToImageParams,
  textToImageLoss,
  withParams,
} from "./losses.js";
import type { TrainingTask } from "./training-task.js";

/** What a text-to-image task is made of. */
export interface TextToImageTaskOptions extends NoisingOptions, LossOptions {
  models: TextToImageModels;
  tokenizer: Tokenizer;
  latents: LatentCache;
  /** Part of the prompts replaced with the empty string, so that guidance works: 0.1 for a base model. */
  promptDropping: number;
  validate?: TrainingTask<TextToImageParams, TextToImageBatch>["validate"];
  publish: TrainingTask<TextToImageParams, TextToImageBatch>["publish"];
}

/** Trains a U-Net and its text encoder together on latents. */
export function textToImageTask(
  options: TextToImageTaskOptions,
): TrainingTask<TextToImageParams, TextToImageBatch> {
  const { models, tokenizer, latents, promptDropping, seed, validate, publish } = options;
  return {
    name: "text-to-image",
    params: { unet: models.unet.params, text: models.text.params },
    loss: (trained, batch) => textToImageLoss(withParams(models, trained), batch, options),
    async batch(samples: readonly Sample[], sampleIndices) {
      const captions = samples.map(({ caption }, i) =>
        dropsPrompt(seed, sampleIndices[i]!, promptDropping) ? "" : caption,
      );
      const { tokens } = encodeTexts(tokenizer, captions);
      return { ...noisedBatch(await latents.of(samples), sampleIndices, options), tokens };
    },
    ...(validate && { validate }),
    publish,
  };
}

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
