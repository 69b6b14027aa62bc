import {
  type Autoencoder,
  type AutoencoderConfig,
  autoencoderKeyRows,
  downscaling,
  encodeImages,
} from "@controlnet-js/autoencoder";
import { decodeHalf, encodeHalf, exportTree } from "@controlnet-js/checkpoints";
import { hashModel } from "@controlnet-js/checkpoints/node";
import { jit } from "@controlnet-js/core";
import { collate, type Sample } from "@controlnet-js/data";
import { type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import type { LatentMoments } from "./diffusion-batch.js";
import { contentKey, type HalfStore } from "./half-store.js";

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
 * @param store keeps them on a disk as well; of this autoencoder alone, see {@link autoencoderKey}
 */
export function createLatentCache(
  autoencoder: Autoencoder,
  limit = Number.POSITIVE_INFINITY,
  store?: HalfStore,
): LatentCache {
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
  const size = (side: number) => side / downscaling(autoencoder.config);
  /** From the store by the picture itself: another file of the same name, or the same one cropped, is another entry. */
  const stored = async (sample: Sample): Promise<Held> => {
    if (!store) return encodeOne(sample);
    const { width, height, channels } = sample.content ?? sample.image;
    const key = contentKey(
      JSON.stringify([width, height, channels]),
      sample.content ? JSON.stringify(sample.content.is) : sample.image.data,
    );
    const shape = [size(height), size(width), autoencoder.config.latentChannels] as const;
    const half = shape[0] * shape[1] * shape[2];
    const found = await store.get(key, 2 * half);
    if (found) return { mean: found.subarray(0, half), logVariance: found.subarray(half), shape };
    const held = await encodeOne(sample);
    const both = new Uint16Array(2 * half);
    both.set(held.mean);
    both.set(held.logVariance, half);
    await store.put(key, both);
    return held;
  };
  return {
    async of(samples) {
      const all: LatentMoments[] = [];
      for (const sample of samples) {
        let held = known.get(sample.index);
        if (!held) {
          held = await stored(sample);
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

/** What tells an autoencoder apart: a hash of its weights and its config. */
export const autoencoderKey = ({ params, config }: Autoencoder): string =>
  contentKey(
    JSON.stringify(config),
    hashModel(exportTree(params, autoencoderKeyRows(config, "diffusers"), { where: "autoencoderKey" })),
  );
