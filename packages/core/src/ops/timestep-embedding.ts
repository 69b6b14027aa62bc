import type { Tensor } from "@tensorflow/tfjs-core";
import {
  concat,
  cos,
  exp,
  mul,
  range,
  reshape,
  sin,
  type Tensor1D,
  type Tensor2D,
  zeros,
} from "@tensorflow/tfjs-core";
import { type Initializer, join } from "../initializer.js";
import { silu } from "./activations.js";
import { createLinear, type Linear, linear } from "./linear.js";

/** The two-layer network that turns the sinusoids of a timestep into the embedding that every block receives. */
export interface TimeEmbedding<L = Tensor> {
  linear1: Linear<L>;
  linear2: Linear<L>;
}

/** New parameters of a time embedding from `channels` sinusoids to 4 x `channels` features. */
export function createTimeEmbedding<L>(
  init: Initializer<L>,
  path: string,
  channels: number,
): TimeEmbedding<L> {
  return {
    linear1: createLinear(init, join(path, "linear1"), channels, 4 * channels),
    linear2: createLinear(init, join(path, "linear2"), 4 * channels, 4 * channels),
  };
}

/** How a timestep's sinusoids are laid out. */
export interface SinusoidOptions {
  /** Cosines before sines; default true, diffusers' `flip_sin_to_cos`. */
  cosineFirst?: boolean;
  /** Taken off the number of frequencies in their exponents; default 0, diffusers' `freq_shift`. */
  frequencyShift?: number;
}

/**
 * Sinusoids of `timesteps` [batch] to [batch, channels]: cosines first, then sines, of t * 10000^(-i / half)
 * (latent diffusion's `timestep_embedding`); where channels are odd, the last is 0.
 */
export function sinusoidalEmbedding(
  timesteps: Tensor1D,
  channels: number,
  { cosineFirst = true, frequencyShift = 0 }: SinusoidOptions = {},
): Tensor2D {
  const half = Math.floor(channels / 2);
  const frequencies = exp(mul(range(0, half, 1, "float32"), -Math.log(10000) / (half - frequencyShift)));
  const angles = mul(reshape(timesteps, [-1, 1]), reshape(frequencies, [1, half]));
  const waves = cosineFirst ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)];
  return concat(channels % 2 === 0 ? waves : [...waves, zeros([timesteps.shape[0], 1])], 1) as Tensor2D;
}

/** The embedding of `timesteps` [batch] to [batch, 4 channels]: sinusoids, linear, SiLU, linear. */
export function embedTimesteps(
  timesteps: Tensor1D,
  params: TimeEmbedding,
  options: SinusoidOptions = {},
): Tensor2D {
  const channels = params.linear1.kernel.shape[0]!;
  return linear(
    silu(linear(sinusoidalEmbedding(timesteps, channels, options), params.linear1)),
    params.linear2,
  );
}
