import type { ControlNet, ControlNetParams } from "@controlnet-js/controlnet";
import { ControlNetError, disposeTree, jit } from "@controlnet-js/core";
import { collate, type Dataset, type Sample } from "@controlnet-js/data";
import { embedGuidance, type UNet } from "@controlnet-js/unet";
import { tensor2d, tensor4d } from "@tensorflow/tfjs-core";
import { dropsPrompt, type NoisingOptions, noisedBatch } from "./diffusion-batch.js";
import { hintUse, linkNorm } from "./hint-use.js";
import type { LatentCache } from "./latent-cache.js";
import { type ControlBatch, controlNetLoss, type LossOptions } from "./losses.js";
import type { TextCache } from "./text-cache.js";
import type { TrainingTask } from "./training-task.js";

/** What the training of a ControlNet is made of. */
export interface ControlTaskOptions extends NoisingOptions, LossOptions {
  net: ControlNet;
  /** The base U-Net: never changed. */
  locked: UNet;
  latents: LatentCache;
  texts: TextCache;
  /** Part of the prompts replaced with the empty string: 0.5 in the paper (section 3.3). */
  promptDropping: number;
  /** Data never trained on, for the question whether the hint is used; without any, nothing is validated. */
  heldOut?: Dataset;
  /** How many held-out samples are asked, batch by batch of `batchSize`. */
  validationSamples: number;
  batchSize: number;
  publish: TrainingTask<ControlNetParams, ControlBatch>["publish"];
}

/**
 * Trains a ControlNet on its locked base: all that {@link trainControlNet} puts together, in parts of your own. Its validation
 * asks whether the hint is used.
 */
export function controlTask(
  options: ControlTaskOptions,
): TrainingTask<ControlNetParams, ControlBatch> & { dispose(): void } {
  const { net, locked, latents, texts, promptDropping, seed, heldOut, publish } = options;
  const { guidanceChannels } = locked.config;
  const loss = (trained: ControlNetParams, batch: ControlBatch) =>
    controlNetLoss({ ...net, params: trained }, locked, batch, options);
  const measure = jit(loss, { name: "control-validation" });
  const batchOf = async (
    samples: readonly Sample[],
    captions: string[],
    indices: readonly number[],
    seeds: NoisingOptions,
  ) => {
    const { maps, mapShape } = collate(samples);
    const moments = await latents.of(samples);
    assertPaints(locked, moments[0]!.shape[2]);
    return {
      ...noisedBatch(moments, indices, seeds),
      context: await texts.of(captions),
      map: tensor4d(maps, mapShape),
      // Data are pictures without guidance, which is 1 for a U-Net that takes it as an input.
      ...(guidanceChannels !== undefined && {
        guidance: tensor2d(embedGuidance(1, guidanceChannels), [1, guidanceChannels]),
      }),
    };
  };
  /** The losses with each held-out picture's own map and with another one's, everything else the same. */
  const measureUse = async (trained: ControlNetParams, held: Dataset, signal?: AbortSignal) => {
    const { batchSize } = options;
    const count = Math.min(options.validationSamples, held.size);
    let right = 0;
    let wrong = 0;
    for (let start = 0; start < count; start += batchSize) {
      signal?.throwIfAborted();
      const indices = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => start + i);
      const samples = await Promise.all(indices.map((index) => held.load(index)));
      // Another sample's map: the next one's, around the end of the held-out set.
      const others = await Promise.all(indices.map((index) => held.load((index + 1) % held.size)));
      const swapped = samples.map((sample, i) => withMapOf(sample, others[i]!));
      const captions = samples.map(({ caption }) => caption);
      const fixed = { ...options, seed: options.seed + 1 };
      for (const [which, set] of [samples, swapped].entries()) {
        const batch = await batchOf(set, captions, indices, fixed);
        const value = measure(trained, batch);
        const result = (await value.data())[0]! * (indices.length / count);
        if (which === 0) right += result;
        else wrong += result;
        value.dispose();
        disposeTree(batch);
      }
    }
    return hintUse(right, wrong);
  };
  const { globalPooling, reversedHint } = net.config;
  return {
    name: "controlnet",
    params: net.params,
    // What shapes don't tell.
    identity: { ...(globalPooling && { globalPooling }), ...(reversedHint && { reversedHint }) },
    loss,
    batch(samples, sampleIndices) {
      const captions = samples.map(({ caption }, i) =>
        dropsPrompt(seed, sampleIndices[i]!, promptDropping) ? "" : caption,
      );
      return batchOf(samples, captions, sampleIndices, options);
    },
    ...(heldOut && {
      validate: async (trained, _step, signal) => {
        const { right, wrong, gain } = await measureUse(trained, heldOut, signal);
        return {
          loss_right_map: right,
          loss_wrong_map: wrong,
          hint_gain: gain,
          link_norm: linkNorm(trained),
        };
      },
    }),
    publish,
    dispose: () => measure.dispose(),
  };
}

/** A sample with another one's map, and the hole that belongs to it. */
function withMapOf({ hole: _, ...sample }: Sample, { map, hole }: Sample): Sample {
  return { ...sample, map, ...(hole && { hole }) };
}

/**
 * Refuses a base that takes more than noise.
 * @throws ControlNetError `unsupported`
 */
export function assertPaints({ config }: UNet, latentChannels: number): void {
  if (config.inChannels === latentChannels) return;
  const kinds = new Map([
    [2 * latentChannels, "is a model for editing"],
    [2 * latentChannels + 1, "is a model for inpainting"],
  ]);
  throw new ControlNetError(
    "unsupported",
    `controlTask: the base ${kinds.get(config.inChannels) ?? "does not fit its autoencoder"}, of ${config.inChannels} input ` +
      `channels; train on the plain model of the same family, which takes latents of ${latentChannels} channels alone: its ` +
      "ControlNets work with the other one, too",
  );
}
