import { autoencoderConfig, createAutoencoder } from "@controlnet-js/autoencoder";
import { type ControlNet, type ControlNetParams, createControlNet } from "@controlnet-js/controlnet";
import { randomInitializer, randomUniform } from "@controlnet-js/core";
import type { Dataset } from "@controlnet-js/data";
import { createSchedule } from "@controlnet-js/samplers";
import { createTextEncoder, createTokenizer, textEncoderConfig, trainBpe } from "@controlnet-js/text-encoder";
import { createUNet, unetConfig } from "@controlnet-js/unet";
import { controlTask } from "../control-task.js";
import { createLatentCache } from "../latent-cache.js";
import { constantRate } from "../learning-rate.js";
import { saveTrees } from "../saved-state.js";
import { createTextCache } from "../text-cache.js";
import type { BaseModel } from "../train-control-net.js";
import type { TrainingOptions } from "../training-options.js";

/** Pictures of noise with captions: enough to train on. */
export const tinyDataset = (size: number, start = 0): Dataset => ({
  size,
  describe: () => `${size} tiny pictures from ${start}`,
  async load(position) {
    const index = start + position;
    const next = randomUniform({ seed: 1, purpose: "picture", index });
    const bytes = () => Uint8Array.from({ length: 16 * 16 * 3 }, () => Math.floor(256 * next()));
    const picture = () => ({ data: bytes(), width: 16, height: 16, channels: 3 });
    return {
      index,
      name: `tiny ${index}`,
      image: picture(),
      map: picture(),
      caption: index % 2 ? "red ball" : "blue cube",
    };
  },
});

/** A base model of a few thousand parameters, for pictures of 16x16. */
export function createTinyBase(unet: Parameters<typeof unetConfig>[0] = {}): BaseModel {
  const unetShape = unetConfig({
    channels: [4, 8],
    blocksPerLevel: 1,
    attention: [true, false],
    heads: [1, 1],
    contextChannels: 4,
    groups: 2,
    sampleSize: 4,
    ...unet,
  });
  const autoencoderShape = autoencoderConfig({ channels: [4, 4, 4], blocksPerLevel: 1, groups: 2 });
  const tokenizer = createTokenizer(trainBpe(["red ball blue cube"], 530), { maxTokens: 6 });
  const textShape = textEncoderConfig({
    vocabularySize: tokenizer.vocabularySize,
    maxTokens: 6,
    hiddenSize: 4,
    feedForwardSize: 8,
    heads: 1,
    layers: 1,
  });
  return {
    unet: createUNet(unetShape, randomInitializer(1)),
    autoencoder: createAutoencoder(autoencoderShape, randomInitializer(2)),
    text: { ...createTextEncoder(textShape, randomInitializer(3)), tokenizer },
    schedule: createSchedule(),
  };
}

/** A fresh ControlNet for {@link createTinyBase}. */
export const createTinyNet = (
  { unet }: BaseModel,
  options: Parameters<typeof createControlNet>[1] = {},
): ControlNet => createControlNet(unet, { hintWidths: [4, 4, 4], ...options });

/** A whole ControlNet training in a few thousand parameters. */
export function createTinyTask({
  promptDropping = 0.5,
  unet = {},
  net = {},
}: {
  promptDropping?: number;
  unet?: Parameters<typeof unetConfig>[0];
  net?: Parameters<typeof createControlNet>[1];
} = {}): ReturnType<typeof controlTask> {
  const base = createTinyBase(unet);
  return controlTask({
    net: createTinyNet(base, net),
    locked: base.unet,
    latents: createLatentCache(base.autoencoder),
    texts: createTextCache(base.text, base.text.tokenizer),
    schedule: base.schedule,
    scalingFactor: base.autoencoder.config.scalingFactor,
    seed: 7,
    promptDropping,
    heldOut: tinyDataset(4, 1000),
    validationSamples: 4,
    batchSize: 2,
    publish: async (params: ControlNetParams, folder: string) => {
      await saveTrees(`${folder}.safetensors`, { params });
    },
  });
}

/** Options of a tiny run into `folder`. */
export const tinyOptions = (folder: string, change: Partial<TrainingOptions> = {}): TrainingOptions => ({
  folder,
  steps: 6,
  batchSize: 2,
  seed: 7,
  learningRate: 1e-2,
  schedule: constantRate({ warmUpSteps: 2 }),
  emaDecay: 0.9,
  saveEvery: 2,
  maxSkipped: 0,
  ...change,
});
