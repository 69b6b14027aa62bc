import { randomIntegers, randomNormals, randomUniform } from "@controlnet-js/core";
import { type NoiseSchedule, noiseCoefficients, trainingTarget } from "@controlnet-js/samplers";
import { type Tensor1D, type Tensor4D, tensor1d, tensor4d } from "@tensorflow/tfjs-core";

/** The mean and log variance of one picture's latent, unscaled, each [height, width, channels] laid out flat. */
export interface LatentMoments {
  mean: Float32Array;
  logVariance: Float32Array;
  shape: readonly [height: number, width: number, channels: number];
}

/** What a diffusion loss needs of a batch, whatever the model. */
export interface DiffusionBatch {
  /** Noisy latents z_t [batch, height, width, channels]. */
  latents: Tensor4D;
  /** Timesteps [batch]. */
  timesteps: Tensor1D;
  /** What the model should give, by the schedule's prediction: the noise, the velocity, or the clean latents. */
  target: Tensor4D;
  /** Of each sample in the loss [batch]; absent where all weigh 1. */
  weights?: Tensor1D;
}

/** How samples are noised. */
export interface NoisingOptions {
  schedule: NoiseSchedule;
  /** Factor from the autoencoder's latents to the model's. */
  scalingFactor: number;
  seed: number;
  /** Bounds the weight of easy timesteps, see {@link minSnrWeight}: 5 in the paper. All weigh the same if left out or 0. */
  minSnr?: number;
}

/**
 * What a sample weighs so that its clean latent's error weighs min(SNR, gamma), whatever is predicted (Hang et al.,
 * "Efficient diffusion training via min-SNR weighting strategy", 2023).
 */
export function minSnrWeight(
  prediction: NoiseSchedule["prediction"],
  { alpha, sigma }: { alpha: number; sigma: number },
  gamma: number,
): number {
  const snr = (alpha / sigma) ** 2;
  const least = Math.min(snr, gamma);
  if (prediction === "epsilon") return snr > 0 ? least / snr : 1;
  return prediction === "v" ? least / (snr + 1) : least;
}

/**
 * Draws latent, noise and timestep t ~ U{0 .. T - 1} of each sample. Every draw is keyed by (seed, global sample
 * index, purpose), so that a batch holds the same numbers however it came about. The caller disposes the tensors.
 * @param sampleIndices global index of each sample in the run: epoch * size + position
 * @throws ControlNetError `config` for a schedule of an unknown prediction
 */
export function noisedBatch(
  moments: readonly LatentMoments[],
  sampleIndices: readonly number[],
  { schedule, scalingFactor, seed, minSnr = 0 }: NoisingOptions,
): DiffusionBatch {
  const { shape } = moments[0]!;
  const size = shape[0] * shape[1] * shape[2];
  const count = moments.length;
  const latents = new Float32Array(count * size);
  const target = new Float32Array(count * size);
  const steps = sampleIndices.map((index) =>
    randomIntegers({ seed, purpose: "timestep", index }, schedule.trainTimesteps)(),
  );
  const { alpha, sigma } = noiseCoefficients(schedule, steps);
  moments.forEach(({ mean, logVariance }, i) => {
    const index = sampleIndices[i]!;
    const posterior = randomNormals({ seed, purpose: "latent", index }, size);
    const noise = randomNormals({ seed, purpose: "noise", index }, size);
    const level = { alpha: alpha[i]!, sigma: sigma[i]! };
    const wanted = trainingTarget(schedule.prediction, level);
    for (let j = 0; j < size; j++) {
      const clean = scalingFactor * (mean[j]! + Math.exp(0.5 * logVariance[j]!) * posterior[j]!);
      latents[i * size + j] = level.alpha * clean + level.sigma * noise[j]!;
      target[i * size + j] = wanted.clean * clean + wanted.noise * noise[j]!;
    }
  });
  return {
    latents: tensor4d(latents, [count, ...shape]),
    timesteps: tensor1d(steps, "float32"),
    target: tensor4d(target, [count, ...shape]),
    ...(minSnr > 0 && {
      weights: tensor1d(
        moments.map((_, i) =>
          minSnrWeight(schedule.prediction, { alpha: alpha[i]!, sigma: sigma[i]! }, minSnr),
        ),
      ),
    }),
  };
}

/** Whether a sample's prompt is replaced with the empty string this time (paper, section 3.3: 50 % of them). */
export const dropsPrompt = (seed: number, sampleIndex: number, rate: number): boolean =>
  rate > 0 && randomUniform({ seed, purpose: "prompt dropping", index: sampleIndex })() < rate;
