import {
  type Autoencoder,
  type AutoencoderParams,
  decodeLatents,
  downscaling,
  encodeImages,
} from "@controlnet-js/autoencoder";
import { type Image, jit, randomNormals } from "@controlnet-js/core";
import { collate, type Dataset, type Sample } from "@controlnet-js/data";
import { abs, clipByValue, mean, square, sub, type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import { saveAutoencoder } from "./autoencoder-folder.js";
import { type AutoencoderBatch, type AutoencoderLossWeights, autoencoderLoss } from "./autoencoder-loss.js";
import type { TrainingTask } from "./training-task.js";

/** What the training of an autoencoder is made of. */
export interface AutoencoderTaskOptions {
  /** See {@link initialAutoencoder}. */
  autoencoder: Autoencoder;
  weights: AutoencoderLossWeights;
  /** Of the latents' noise. */
  seed: number;
  /** Pictures never trained on: they are measured, and give the published scaling factor. */
  heldOut: Dataset;
  /** How many held-out pictures are measured, `batchSize` at a time. */
  validationSamples: number;
  batchSize: number;
}

/** The training of an autoencoder; it does not own what {@link AutoencoderTaskOptions} holds. */
export interface AutoencoderTask extends TrainingTask<AutoencoderParams, AutoencoderBatch> {
  /** Pictures after encoding and decoding, through the mean latent. */
  restore(params: AutoencoderParams, samples: readonly Sample[]): Promise<Image[]>;
  dispose(): void;
}

/** Means over pictures in [-1, 1] and over their mean latents. */
interface Figures {
  l1: number;
  squared: number;
  latent: number;
  latentSquare: number;
}

/**
 * Trains an autoencoder on pictures. Validation gives PSNR in dB and L1 of restored held-out pictures in [-1, 1], and the
 * deviation of their latents. What is published is diffusers' AutoencoderKL, its scaling factor 1 / deviation (Rombach
 * et al., 2022, appendix G).
 */
export function autoencoderTask(options: AutoencoderTaskOptions): AutoencoderTask {
  const { autoencoder, weights, seed, heldOut } = options;
  const { params, config } = autoencoder;
  const withParams = (trained: AutoencoderParams): Autoencoder => ({ params: trained, config });
  const through = (trained: AutoencoderParams, images: Tensor4D) => {
    const latent = encodeImages(withParams(trained), images).mean;
    return { latent, restored: clipByValue(decodeLatents(withParams(trained), latent), -1, 1) as Tensor4D };
  };
  const measureBatch = jit(
    (trained: AutoencoderParams, images: Tensor4D) => {
      const { latent, restored } = through(trained, images);
      const error = sub(restored, images);
      return {
        l1: mean(abs(error)),
        squared: mean(square(error)),
        latent: mean(latent),
        latentSquare: mean(square(latent)),
      };
    },
    { name: "autoencoder-validation" },
  );
  const restoreBatch = jit(
    (trained: AutoencoderParams, images: Tensor4D) => through(trained, images).restored,
    {
      name: "autoencoder-restore",
    },
  );

  const measure = async (trained: AutoencoderParams, signal?: AbortSignal): Promise<Figures> => {
    const count = Math.min(options.validationSamples, heldOut.size);
    const sums: Figures = { l1: 0, squared: 0, latent: 0, latentSquare: 0 };
    for (let start = 0; start < count; start += options.batchSize) {
      signal?.throwIfAborted();
      const size = Math.min(options.batchSize, count - start);
      const samples = await Promise.all(Array.from({ length: size }, (_, i) => heldOut.load(start + i)));
      const images = imagesOf(samples);
      const means = measureBatch(trained, images);
      images.dispose();
      for (const key of Object.keys(sums) as (keyof Figures)[]) {
        sums[key] += (await means[key].data())[0]! * (size / count);
        means[key].dispose();
      }
    }
    return sums;
  };

  return {
    name: "autoencoder",
    params,
    loss: (trained, batch) => autoencoderLoss(withParams(trained), batch, weights),
    async batch(samples, sampleIndices) {
      const images = imagesOf(samples);
      const factor = downscaling(config);
      const [count, height, width] = images.shape;
      const shape = [height / factor, width / factor, config.latentChannels] as const;
      const size = shape[0] * shape[1] * shape[2];
      const noise = new Float32Array(count * size);
      sampleIndices.forEach((index, i) => {
        noise.set(randomNormals({ seed, purpose: "latent", index }, size), i * size);
      });
      return { images, noise: tensor4d(noise, [count, ...shape]) };
    },
    async validate(trained, _step, signal) {
      const figures = await measure(trained, signal);
      return {
        psnr: 10 * Math.log10(4 / figures.squared),
        l1: figures.l1,
        latent_deviation: deviation(figures),
      };
    },
    async publish(trained, folder) {
      const scalingFactor = 1 / deviation(await measure(trained));
      await saveAutoencoder(folder, { params: trained, config: { ...config, scalingFactor } });
    },
    async restore(trained, samples) {
      const restored: Image[] = [];
      for (const sample of samples) {
        const picture = imagesOf([sample]);
        const output = restoreBatch(trained, picture);
        picture.dispose();
        const values = await output.data();
        output.dispose();
        restored.push({ ...sample.image, data: Uint8Array.from(values, (x) => Math.round(127.5 * (x + 1))) });
      }
      return restored;
    },
    dispose() {
      measureBatch.dispose();
      restoreBatch.dispose();
    },
  };
}

function imagesOf(samples: readonly Sample[]): Tensor4D {
  const { images, imageShape } = collate(samples);
  return tensor4d(images, imageShape);
}

const deviation = ({ latent, latentSquare }: Figures): number => Math.sqrt(latentSquare - latent ** 2);
