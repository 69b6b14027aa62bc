import { randomNormals } from "@controlnet-js/core";
import { type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";

/**
 * Gives the noise of a step, `[batch, height, width, channels]`; the sampler disposes what it is given. A step that draws
 * again asks with a number beyond the last step, so that no two draws of a run are the same.
 */
export type NoiseSource = (step: number) => Tensor4D;

/** Which pictures a noise belongs to. */
export interface NoiseKeys {
  /** Chosen by the user. */
  seed: number;
  /** One integer for each sample of the batch, the picture's own number. */
  indices: readonly number[];
  /** Of one sample: `[height, width, channels]`. */
  shape: readonly [height: number, width: number, channels: number];
}

/**
 * Noise for the steps of a stochastic sampler, from counter-based keys (seed, index, step): a picture is the same
 * alone and in any batch.
 */
export function noiseSource(keys: NoiseKeys): NoiseSource {
  return (step) => draw(keys, `sampler noise, step ${step}`);
}

/** The standard normal latent that sampling begins with, by the same keys. The caller disposes it. */
export function initialNoise(keys: NoiseKeys): Tensor4D {
  return draw(keys, "initial latent");
}

function draw({ seed, indices, shape }: NoiseKeys, purpose: string): Tensor4D {
  const size = shape[0] * shape[1] * shape[2];
  const values = new Float32Array(indices.length * size);
  indices.forEach((index, i) => {
    values.set(randomNormals({ seed, purpose, index }, size), i * size);
  });
  return tensor4d(values, [indices.length, ...shape]);
}
