import {
  add,
  div,
  exp,
  mul,
  square,
  sub,
  sum,
  type Tensor1D,
  type Tensor4D,
  tidy,
} from "@tensorflow/tfjs-core";
import type { Autoencoder } from "./parameters.js";

/** A diagonal normal distribution for each latent: both [batch, height, width, channels]. */
export interface Moments {
  mean: Tensor4D;
  /** Clamped to [-30, 20]. */
  logVariance: Tensor4D;
}

/**
 * A draw from the distribution: mean + exp(logVariance / 2) noise. Unscaled; the caller disposes it.
 * @param noise standard normal, of the shape of `mean`
 */
export const sampleLatent = ({ mean, logVariance }: Moments, noise: Tensor4D): Tensor4D =>
  tidy(() => add(mean, mul(exp(mul(logVariance, 0.5)), noise)));

/**
 * KL divergence from the standard normal distribution, summed over each latent (Kingma and Welling, 2013,
 * appendix B): [batch], to be disposed by the caller.
 */
export const klDivergence = ({ mean, logVariance }: Moments): Tensor1D =>
  tidy(() => {
    const terms = sub(add(square(mean), exp(logVariance)), add(logVariance, 1));
    return mul(sum(terms, [1, 2, 3]), 0.5) as Tensor1D;
  });

/** The autoencoder's latents as a diffusion model sees them: (latents - shift) * scale. The caller disposes them. */
export const scaleLatents = (
  { config: { scalingFactor, shiftFactor } }: Pick<Autoencoder, "config">,
  latents: Tensor4D,
): Tensor4D => tidy(() => mul(shiftFactor === 0 ? latents : sub(latents, shiftFactor), scalingFactor));

/** The inverse of {@link scaleLatents}, before `decodeLatents`. The caller disposes the result. */
export const unscaleLatents = (
  { config: { scalingFactor, shiftFactor } }: Pick<Autoencoder, "config">,
  latents: Tensor4D,
): Tensor4D =>
  tidy(() => {
    const unscaled = div(latents, scalingFactor) as Tensor4D;
    return shiftFactor === 0 ? unscaled : add(unscaled, shiftFactor);
  });
