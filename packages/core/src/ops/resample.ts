import { image, type Tensor4D } from "@tensorflow/tfjs-core";
import type { Initializer } from "../initializer.js";
import { type Convolution, convolution, createConvolution } from "./convolution.js";

/** New parameters of a down- or up-sampling step: one 3x3 convolution. */
export const createResample = <L>(init: Initializer<L>, path: string, channels: number): Convolution<L> =>
  createConvolution(init, path, channels, channels);

/** Halves height and width of `x` [batch, height, width, channels] by a 3x3 convolution of stride 2, padding 1. */
export const downsample = (x: Tensor4D, params: Convolution): Tensor4D =>
  convolution(x, params, { stride: 2 });

/** Doubles height and width of `x` by nearest-neighbour interpolation, then a 3x3 convolution. */
export function upsample(x: Tensor4D, params: Convolution): Tensor4D {
  return convolution(image.resizeNearestNeighbor(x, [x.shape[1] * 2, x.shape[2] * 2]), params);
}
