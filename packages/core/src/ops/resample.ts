import { avgPool, image, mul, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import type { Initializer } from "../initializer.js";
import { defineKernel } from "../kernel.js";
import { type Convolution, convolution, createConvolution } from "./convolution.js";

/** New parameters of a down- or up-sampling step: one 3x3 convolution. */
export const createResample = <L>(init: Initializer<L>, path: string, channels: number): Convolution<L> =>
  createConvolution(init, path, channels, channels);

/**
 * Halves height and width of `x` [batch, height, width, channels] by a 3x3 convolution of stride 2.
 * @param padding 1 on each side by default, where odd sides are rounded up; with `"down-right"` they are rounded down
 */
export const downsample = (
  x: Tensor4D,
  params: Convolution,
  padding: "down" | "down-right" = "down",
): Tensor4D => convolution(x, params, { stride: 2, padding });

/** Doubles height and width of `x` by nearest-neighbour interpolation, then a 3x3 convolution. */
export const upsample = (x: Tensor4D, params: Convolution): Tensor4D => convolution(enlarge(x), params);

// tfjs's own gradient of this resize is wrong on its JavaScript backend where a batch holds several samples, and slow
// elsewhere.
const enlargeKernel = defineKernel<"x", Record<string, never>>({
  name: "EnlargeTwice",
  forward: ({ x }) => [
    image.resizeNearestNeighbor(x as Tensor4D, [x.shape[1]! * 2, x.shape[2]! * 2]) as Tensor,
  ],
  saveInputs: [],
  gradient: (upstream) => ({ x: () => mul(avgPool(upstream as Tensor4D, 2, 2, "valid"), 4) }),
});

/** Repeats every pixel of `x` [batch, height, width, channels] twice in height and width. */
export const enlarge = (x: Tensor4D): Tensor4D => enlargeKernel({ x }, {})[0] as Tensor4D;
