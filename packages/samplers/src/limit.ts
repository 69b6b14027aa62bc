import { clipByValue, div, maximum, minimum, neg, type Tensor4D, tensor, tidy } from "@tensorflow/tfjs-core";
import * as z from "zod";

/** Dynamic thresholding (Saharia et al. 2022, section 2.3), for models of pixels: a sampler's option `threshold`. */
export const thresholdOption = z
  .object({
    ratio: z
      .number()
      .min(0)
      .max(1)
      .describe("the quantile of a sample's absolute values that becomes its limit; 0.995 in diffusers"),
    most: z
      .number()
      .describe("the limit is at least 1 and at most this; 1, diffusers' default, clips to [-1, 1]"),
  })
  .optional()
  .describe("clip each sample to a limit of its own and divide it by that, instead of clip");

/** Clipping of the predicted clean sample: a sampler's option `clip`. */
export const clipOption = z
  .number()
  .optional()
  .describe("clip the clean sample to [-clip, clip]; for models of pixels, not of latents");

/** How the predicted clean sample is kept in range; by default not at all. */
export const limitOptions = { clip: clipOption, threshold: thresholdOption };

/** {@link limitOptions} as given. */
export interface LimitOptions {
  clip?: z.infer<typeof clipOption>;
  threshold?: z.infer<typeof thresholdOption>;
}

/**
 * The clean samples [batch, height, width, channels] within their limits: a new tensor, or `clean` itself where there are
 * none.
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

async function limitsOf(
  clean: Tensor4D,
  { ratio, most }: NonNullable<LimitOptions["threshold"]>,
): Promise<number[]> {
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
