import { type Autoencoder, type AutoencoderConfig, encode } from "@controlnet-js/autoencoder";
import { jit } from "@controlnet-js/core";
import { collate, type Sample } from "@controlnet-js/data";
import { type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import type { LatentMoments } from "./diffusion-batch.js";

/** Latents of pictures, each encoded once. */
export interface LatentCache {
  /** The latents' moments of some samples, in order. */
  of(samples: readonly Sample[]): Promise<LatentMoments[]>;
  /** Samples held. */
  readonly size: number;
  dispose(): void;
}

/**
 * Encodes pictures with a locked autoencoder and keeps the moments by the sample's index. Pictures are encoded one by
 * one, so that a latent does not depend on the batch it first came in.
 */
export function createLatentCache(params: Autoencoder, config: AutoencoderConfig): LatentCache {
  const known = new Map<number, LatentMoments>();
  const run = jit((images: Tensor4D) => encode(params, config, images), { name: "encode-picture" });
  const encodeOne = async (sample: Sample): Promise<LatentMoments> => {
    const { images, imageShape } = collate([sample]);
    const input = tensor4d(images, imageShape);
    const moments = run(input);
    input.dispose();
    const [mean, logVariance] = (await Promise.all([moments.mean.data(), moments.logVariance.data()])) as [
      Float32Array,
      Float32Array,
    ];
    const [, height, width, channels] = moments.mean.shape;
    moments.mean.dispose();
    moments.logVariance.dispose();
    return { mean, logVariance, shape: [height, width, channels] };
  };
  return {
    async of(samples) {
      const all: LatentMoments[] = [];
      for (const sample of samples) {
        let moments = known.get(sample.index);
        if (!moments) known.set(sample.index, (moments = await encodeOne(sample)));
        all.push(moments);
      }
      return all;
    },
    get size() {
      return known.size;
    },
    dispose() {
      known.clear();
      run.dispose();
    },
  };
}
