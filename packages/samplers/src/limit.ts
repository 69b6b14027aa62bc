import { ControlNetError } from "@controlnet-js/core";
import { clipByValue, div, maximum, minimum, neg, type Tensor4D, tensor, tidy } from "@tensorflow/tfjs-core";

/** Dynamic thresholding (Saharia et al. 2022, section 2.3), for models of pixels. */
export interface DynamicThreshold {
  /** Which quantile of a sample's absolute values becomes its limit, in [0, 1]. diffusers' default is 0.995. */
  ratio: number;
  /** The limit is at least 1, and at most this. With 1, diffusers' default, it is a clip to [-1, 1]. */
  most: number;
}

/** How the predicted clean sample is kept in range; by default not at all. */
export interface LimitOptions {
  /** Clip it to [-clip, clip]; for models of pixels, not of latents. */
  clip?: number;
  /** Clip each sample to a limit of its own and divide it by that, in place of `clip`. */
  threshold?: DynamicThreshold;
}

/**
 * The clean samples [batch, height, width, channels] within their limits: a new tensor, or `clean` itself where there are
 * none.
 * @throws ControlNetError `range` for a quantile outside [0, 1]
 */
export async function limited(clean: Tensor4D, { clip, threshold }: LimitOptions): Promise<Tensor4D> {
  if (threshold) {
    const limits = await limitsOf(clean, threshold);
    return tidy(() => {
      const limit = tensor(limits, [limits.length, 1, 1, 1]) as Tensor4D;
      return div<Tensor4D>(minimum(maximum(clean, neg(limit)), limit), limit);
    });
  }
  return clip === undefined ? clean : clipByValue(clean, -clip, clip);
}

async function limitsOf(clean: Tensor4D, { ratio, most }: DynamicThreshold): Promise<number[]> {
  if (!(ratio >= 0 && ratio <= 1))
    throw new ControlNetError("range", `sampler: expected a threshold ratio in [0, 1], got ${ratio}`);
  const values = await clean.data();
  const size = clean.size / clean.shape[0];
  return Array.from({ length: clean.shape[0] }, (_, i) => {
    const sorted = Float32Array.from(values.subarray(i * size, (i + 1) * size), Math.abs).sort();
    return Math.min(Math.max(quantile(sorted, ratio), 1), most);
  });
}

/** Linear between neighbours, the rank in single precision as torch has it. */
function quantile(sorted: Float32Array, ratio: number): number {
  const rank = Math.fround(Math.fround(ratio) * (sorted.length - 1));
  const below = Math.floor(rank);
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return low + (rank - below) * (high - low);
}
