import {
  type Autoencoder,
  decodeLatents,
  encodeImages,
  klDivergence,
  sampleLatent,
} from "@controlnet-js/autoencoder";
import { abs, add, mean, mul, type Scalar, slice, square, sub, type Tensor4D } from "@tensorflow/tfjs-core";

/** What the autoencoder's loss needs of a batch. */
export interface AutoencoderBatch {
  /** [batch, height, width, 3] in [-1, 1]. */
  images: Tensor4D;
  /** Standard normal, of the latents' shape. */
  noise: Tensor4D;
}

/** Weights of the parts of the autoencoder's loss. */
export interface AutoencoderLossWeights {
  /** Mean squared error, beside L1: what brings the colours of small things. */
  squared: number;
  /** L1 between horizontal and vertical differences: keeps edges sharp without a perceptual network. */
  edges: number;
  /** Kullback-Leibler divergence from the standard normal distribution, a latent value. */
  kl: number;
}

const differences = (x: Tensor4D): [Tensor4D, Tensor4D] => {
  const [batch, height, width, channels] = x.shape;
  const rows = (start: number) => slice(x, [0, start, 0, 0], [batch, height - 1, width, channels]);
  const columns = (start: number) => slice(x, [0, 0, start, 0], [batch, height, width - 1, channels]);
  return [sub(rows(1), rows(0)), sub(columns(1), columns(0))];
};

/** L1 and squared error of pixels, L1 of their differences, plus a light KL term (Rombach et al., 2022, section 3.1). */
export function autoencoderLoss(
  autoencoder: Autoencoder,
  { images, noise }: AutoencoderBatch,
  weights: AutoencoderLossWeights,
): Scalar {
  const moments = encodeImages(autoencoder, images);
  const restored = decodeLatents(autoencoder, sampleLatent(moments, noise));
  const error = sub(restored, images) as Tensor4D;
  const [vertical, horizontal] = differences(error);
  const edges = add(mean(abs(vertical)), mean(abs(horizontal)));
  const divergence = mean(klDivergence(moments));
  const pixels = add(mean(abs(error)), mul(mean(square(error)), weights.squared));
  return add(pixels, add(mul(edges, weights.edges), mul(divergence, weights.kl))) as Scalar;
}
