import {
  add,
  concat,
  cos,
  exp,
  mul,
  range,
  reshape,
  sin,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  zeros,
} from "@tensorflow/tfjs-core";
import { type Initializer, join } from "../initializer.js";
import { type Activation, activations } from "./activations.js";
import { createLinear, type Linear, linear } from "./linear.js";

/** The two-layer network that turns the sinusoids of a timestep into the embedding that every block receives. */
export interface TimeEmbedding<L = Tensor> {
  linear1: Linear<L>;
  linear2: Linear<L>;
  /** Of a model that was distilled for any guidance: the way from its embedding to the sinusoids. */
  guidance?: Linear<L>;
}

/** What a time embedding may have beside its sinusoids. */
export interface TimeEmbeddingShape {
  /** Features that come out. Default 4 x `channels`. */
  features?: number | undefined;
  /** Features of the embedded guidance; left out, there is none. */
  guidanceChannels?: number | undefined;
}

/** New parameters of a time embedding from `channels` sinusoids to `features`. */
export function createTimeEmbedding<L>(
  init: Initializer<L>,
  path: string,
  channels: number,
  { features = 4 * channels, guidanceChannels }: TimeEmbeddingShape = {},
): TimeEmbedding<L> {
  return {
    linear1: createLinear(init, join(path, "linear1"), channels, features),
    linear2: createLinear(init, join(path, "linear2"), features, features),
    ...(guidanceChannels !== undefined && {
      guidance: createLinear(init, join(path, "guidance"), guidanceChannels, channels, { bias: false }),
    }),
  };
}

/** How a timestep's sinusoids are laid out. */
export interface SinusoidOptions {
  /** Cosines before sines; default true, diffusers' `flip_sin_to_cos`. */
  cosineFirst?: boolean | undefined;
  /** Taken off the number of frequencies in their exponents; default 0, diffusers' `freq_shift`. */
  frequencyShift?: number | undefined;
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

/** What a time embedding is made of beside its timesteps. */
export interface TimeEmbeddingOptions extends SinusoidOptions {
  /** Between the two linear layers. Default `"silu"`. */
  activation?: Activation | undefined;
  /** The embedded guidance [1 or batch, guidanceChannels], added to the sinusoids; for a model that has a place for it. */
  guidance?: Tensor2D | undefined;
}

/** The embedding of `timesteps` [batch] to [batch, features]: sinusoids, linear, activation, linear. */
export function embedTimesteps(
  timesteps: Tensor1D,
  params: TimeEmbedding,
  { activation = "silu", guidance, ...options }: TimeEmbeddingOptions = {},
): Tensor2D {
  const channels = params.linear1.kernel.shape[0]!;
  let waves = sinusoidalEmbedding(timesteps, channels, options);
  if (guidance && params.guidance) waves = add(waves, linear(guidance, params.guidance));
  return linear(activations[activation](linear(waves, params.linear1)), params.linear2);
}
