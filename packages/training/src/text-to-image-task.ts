import type { Sample } from "@controlnet-js/data";
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
