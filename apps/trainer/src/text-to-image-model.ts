import { downscaling } from "@controlnet-js/autoencoder";
import { assertPipeline, type Pipeline } from "@controlnet-js/models";
import { createSchedule, readSchedulerConfig } from "@controlnet-js/samplers";
import { createTokenizer, textEncoderConfig, trainBpe } from "@controlnet-js/text-encoder";
import { tinyworld } from "@controlnet-js/tinyworld";
import { initialTextToImage } from "@controlnet-js/training";
import { unetConfig } from "@controlnet-js/unet";
import type { TextToImageTrainConfig } from "./task-schemas.js";

/** Stable Diffusion's noise schedule, with DDIM as the sampler. */
const scheduler = readSchedulerConfig({
  _class_name: "DDIMScheduler",
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  prediction_type: "epsilon",
  set_alpha_to_one: false,
  steps_offset: 1,
  clip_sample: false,
});

/**
 * A pipeline with new weights in the shape that a config gives, around a trained autoencoder. Its tokens are learnt from
 * tinyworld's words.
 * @param side of the pictures, in pixels
 * @throws ControlNetError `config` where the parts don't fit together
 */
export function createTextToImageModel(
  { data, unet, text, training }: TextToImageTrainConfig,
  autoencoder: Pipeline["autoencoder"],
  side: number,
): Pipeline {
  const { vocabularySize, ...textShape } = text;
  const words = trainBpe([tinyworld(data).vocabulary().join(" ")], vocabularySize);
  const tokenizer = createTokenizer(words, { maxTokens: text.maxTokens });
  const { latentChannels } = autoencoder.config;
  const configs = {
    unet: unetConfig({
      ...unet,
      inChannels: latentChannels,
      outChannels: latentChannels,
      contextChannels: text.hiddenSize,
      sampleSize: side / downscaling(autoencoder.config),
    }),
    text: textEncoderConfig({ ...textShape, vocabularySize: tokenizer.vocabularySize }),
  };
  const models = initialTextToImage(configs, training.seed);
  const pipeline: Pipeline = {
    text: { ...models.text, tokenizer, vocabulary: words },
    unet: models.unet,
    autoencoder,
    schedule: createSchedule(scheduler.schedule),
    scheduler,
    metadata: {},
  };
  assertPipeline(pipeline);
  return pipeline;
}
