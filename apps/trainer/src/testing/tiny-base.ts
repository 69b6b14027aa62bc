import { autoencoderConfig, createAutoencoder } from "@controlnet-js/autoencoder";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { savePipeline } from "@controlnet-js/models/node";
import { createSchedule, readSchedulerConfig } from "@controlnet-js/samplers";
import { createTextEncoder, createTokenizer, textEncoderConfig, trainBpe } from "@controlnet-js/text-encoder";
import { createUNet, unetConfig } from "@controlnet-js/unet";

/** Writes a whole base model of a few thousand random weights, for pictures of 32x32. */
export async function writeTinyBase(folder: string): Promise<void> {
  const vocabulary = trainBpe(["red ball blue cube"], 530);
  const tokenizer = createTokenizer(vocabulary, { maxTokens: 8 });
  const text = textEncoderConfig({
    vocabularySize: tokenizer.vocabularySize,
    maxTokens: 8,
    hiddenSize: 4,
    feedForwardSize: 8,
    heads: 1,
    layers: 1,
  });
  const unet = unetConfig({
    channels: [4, 8],
    blocksPerLevel: 1,
    attention: [true, false],
    heads: [1, 1],
    contextChannels: 4,
    groups: 2,
    sampleSize: 4,
  });
  const autoencoder = autoencoderConfig({
    channels: [4, 4, 4, 4],
    blocksPerLevel: 1,
    groups: 2,
    sampleSize: 32,
  });
  const models = {
    text: createTextEncoder(text, randomInitializer(1)),
    unet: createUNet(unet, randomInitializer(2)),
    autoencoder: createAutoencoder(autoencoder, randomInitializer(3)),
  };
  await savePipeline(folder, {
    text: { ...models.text, tokenizer, vocabulary },
    unet: models.unet,
    autoencoder: models.autoencoder,
    schedule: createSchedule(),
    scheduler: readSchedulerConfig({
      _class_name: "DDIMScheduler",
      num_train_timesteps: 1000,
      beta_start: 0.00085,
      beta_end: 0.012,
      beta_schedule: "scaled_linear",
      set_alpha_to_one: false,
      steps_offset: 1,
      clip_sample: false,
    }),
    metadata: {},
  });
  disposeTree(models);
}
