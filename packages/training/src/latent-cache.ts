import { type Autoencoder, type AutoencoderConfig, encodeImages } from "@controlnet-js/autoencoder";
import { decodeHalf, encodeHalf } from "@controlnet-js/checkpoints";
import { jit } from "@controlnet-js/core";
import { collate, type Sample } from "@controlnet-js/data";
import { type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import type { LatentMoments } from "./diffusion-batch.js";

/** Latents of pictures, each encoded once where there is room for it. */
export interface LatentCache {
  /** The latents' moments of some samples, in order. */
  of(samples: readonly Sample[]): Promise<LatentMoments[]>;
  /** Samples held. */
  readonly size: number;
  /** Bytes that the latents held take. */
  readonly bytes: number;
  dispose(): void;
}

interface Held {
  mean: Uint16Array;
  logVariance: Uint16Array;
  shape: LatentMoments["shape"];
}

/** What an entry takes besides its numbers. */
const overhead = 512;

/** Bytes that the latent of a picture takes in a {@link LatentCache}. */
export const latentBytes = (
  { channels, latentChannels }: Pick<AutoencoderConfig, "channels" | "latentChannels">,
  width: number,
  height: number,
): number => {
  const side = 2 ** (channels.length - 1);
  return 2 * 2 * latentChannels * Math.ceil(width / side) * Math.ceil(height / side) + overhead;
};

/**
 * Encodes pictures with a locked autoencoder and keeps the moments by the sample's index. Pictures are encoded one by
 * one, so that a latent does not depend on the batch it first came in. Moments are rounded to half precision, those
 * just encoded too, so that a sample is the same whether it was held or not.
 *
 * Once `limit` bytes are held, the samples held stay and others are encoded each time: every epoch comes to every
 * sample once, so what came least recently is needed no later than what came last, and replacing entries would
 * hit less often, and for an order that repeats never.
 */
export function createLatentCache(autoencoder: Autoencoder, limit = Number.POSITIVE_INFINITY): LatentCache {
  const known = new Map<number, Held>();
  let bytes = 0;
  const run = jit((images: Tensor4D) => encodeImages(autoencoder, images), { name: "encode-picture" });
  const encodeOne = async (sample: Sample): Promise<Held> => {
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
    return { mean: encodeHalf(mean), logVariance: encodeHalf(logVariance), shape: [height, width, channels] };
  };
  return {
    async of(samples) {
      const all: LatentMoments[] = [];
      for (const sample of samples) {
        let held = known.get(sample.index);
        if (!held) {
          held = await encodeOne(sample);
          const takes = held.mean.byteLength + held.logVariance.byteLength + overhead;
          if (bytes + takes <= limit) {
            known.set(sample.index, held);
            bytes += takes;
          }
        }
        all.push({
          mean: decodeHalf(held.mean),
          logVariance: decodeHalf(held.logVariance),
          shape: held.shape,
        });
      }
      return all;
    },
    get size() {
      return known.size;
    },
    get bytes() {
      return bytes;
    },
    dispose() {
      known.clear();
      bytes = 0;
      run.dispose();
    },
  };
}
