import {
  type Convolution,
  convolution,
  createConvolution,
  type Initializer,
  join,
} from "@controlnet-js/core";
import { maxPool, relu, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";

/** Convolutions one after the other, of stride 1, each keeping height and width. */
export type Chain<L> = Convolution<L>[];

/** One layer of a {@link Chain}: channels going in and out, side of the kernel. */
export type Layer = readonly [inChannels: number, outChannels: number, size: number];

/** New parameters of a chain. */
export const createChain = <L>(init: Initializer<L>, path: string, layers: readonly Layer[]): Chain<L> =>
  layers.map(([inChannels, outChannels, size], i) =>
    createConvolution(init, join(path, i), inChannels, outChannels, size),
  );

/** How a chain runs. */
export interface ChainOptions {
  /** Layers whose result is halved in height and width by taking the largest of 2x2. */
  poolAfter?: readonly number[];
  /** Whether a ReLU follows the last layer, as it does every other. Default true. */
  lastRelu?: boolean;
}

/** `x` [batch, height, width, in] through all layers, with a ReLU after each. */
export function runChain(
  x: Tensor4D,
  chain: Chain<Tensor>,
  { poolAfter = [], lastRelu = true }: ChainOptions = {},
): Tensor4D {
  let h = x;
  chain.forEach((layer, i) => {
    h = convolution(h, layer);
    if (lastRelu || i < chain.length - 1) h = relu(h);
    if (poolAfter.includes(i)) h = maxPool(h, 2, 2, "valid");
  });
  return h;
}
