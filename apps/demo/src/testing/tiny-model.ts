import { autoencoderConfig, createAutoencoder } from "@controlnet-js/autoencoder";
import { createControlNet } from "@controlnet-js/controlnet";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { disposePipeline, type Pipeline } from "@controlnet-js/models";
import type { OpenedControlNet } from "@controlnet-js/models/node";
import { createSchedule, stableDiffusionConfig } from "@controlnet-js/samplers";
import { createTextEncoder, createTokenizer, textEncoderConfig, trainBpe } from "@controlnet-js/text-encoder";
import { createUNet, unetConfig } from "@controlnet-js/unet";

/** A model for tests: random weights, pictures of 64x64. */
export interface TinyModel {
  pipeline: Pipeline;
  net: OpenedControlNet;
  dispose(): void;
}

/** Makes a {@link TinyModel}. */
export function createTinyModel(): TinyModel {
  const unet = unetConfig({
    channels: [4, 8],
    blocksPerLevel: 1,
    attention: [true, false],
    heads: [1, 1],
    contextChannels: 4,
    groups: 2,
    sampleSize: 8,
  });
  const autoencoder = autoencoderConfig({
    channels: [4, 4, 4, 4],
    blocksPerLevel: 1,
    groups: 2,
    middleAttention: false,
    sampleSize: 64,
  });
  const vocabulary = trainBpe(["a red house in the snow"], 530);
  const tokenizer = createTokenizer(vocabulary, { maxTokens: 8 });
  const text = textEncoderConfig({
    vocabularySize: tokenizer.vocabularySize,
    maxTokens: 8,
    hiddenSize: 4,
    feedForwardSize: 8,
    heads: 1,
    layers: 1,
  });
  const scheduler = stableDiffusionConfig();
  const pipeline: Pipeline = {
    text: { ...createTextEncoder(text, randomInitializer(1)), tokenizer, vocabulary },
    unet: createUNet(unet, randomInitializer(2)),
    autoencoder: createAutoencoder(autoencoder, randomInitializer(3)),
    schedule: createSchedule(scheduler.schedule),
    scheduler,
    metadata: {},
  };
  const net: OpenedControlNet = {
    ...createControlNet(pipeline.unet, { hintWidths: [4, 4, 4, 4] }),
    metadata: {},
  };
  return {
    pipeline,
    net,
    dispose() {
      disposePipeline(pipeline);
      disposeTree(net);
    },
  };
}
