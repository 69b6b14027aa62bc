import { assertShape } from "@controlnet-js/core";
import { levelOf, type NoiseLevel, type NoiseSchedule, type Prediction } from "@controlnet-js/samplers";
import { add, mul, type Tensor4D, tidy } from "@tensorflow/tfjs-core";

/**
 * The gradient of log p(y | x_t) with respect to the latents x_t: of what one wants, such as a classifier's.
 * @param latents [batch, height, width, channels] at unit variance; the sampler's
 * @returns a new tensor of the same shape, which the sampler disposes
 */
export type LatentGradient = (
  latents: Tensor4D,
  call: { timestep: number; level: NoiseLevel },
) => Tensor4D | Promise<Tensor4D>;

/** Steers sampling by a gradient of one's own. */
export interface ClassifierGuidance {
  gradient: LatentGradient;
  /** Default 1. */
  scale?: number;
}

/**
 * Adds the gradient to a raw model output: `eps - scale sigma grad` (Dhariwal and Nichol 2021, algorithm 2), brought to
 * what the model predicts. Disposes `output`.
 */
export async function steer(
  schedule: NoiseSchedule,
  { gradient, scale = 1 }: ClassifierGuidance,
  latents: Tensor4D,
  timestep: number,
  output: Tensor4D,
): Promise<Tensor4D> {
  try {
    const level = levelAt(schedule, timestep);
    const direction = await gradient(latents, { timestep, level });
    try {
      assertShape("textToImage: classifier gradient", direction.shape, output.shape);
      const factor = scale * gradientFactor(schedule.prediction, level);
      return tidy(() => add(output, mul(factor, direction)) as Tensor4D);
    } finally {
      direction.dispose();
    }
  } finally {
    output.dispose();
  }
}

/**
 * How the raw output changes with the gradient, where `eps` changes by `-sigma`. Not at all where no signal is left: pure
 * noise says nothing about y.
 */
function gradientFactor(prediction: Prediction, { alpha, sigma }: NoiseLevel): number {
  if (alpha === 0) return 0;
  switch (prediction) {
    case "epsilon":
      return -sigma;
    case "v":
      return -sigma / alpha;
    case "sample":
      return sigma ** 2 / alpha;
  }
}

/** The level at a timestep; between two of training's by a straight line in abar. */
function levelAt({ alphasCumprod }: NoiseSchedule, timestep: number): NoiseLevel {
  const below = Math.min(Math.max(Math.floor(timestep), 0), alphasCumprod.length - 1);
  const above = Math.min(below + 1, alphasCumprod.length - 1);
  const part = Math.min(Math.max(timestep - below, 0), 1);
  return levelOf(alphasCumprod[below]! * (1 - part) + alphasCumprod[above]! * part);
}
