import { type Convolution, convolution, enlarge } from "@controlnet-js/core";
import { gather, slice, type Tensor4D, tensor1d } from "@tensorflow/tfjs-core";

/**
 * Nearest-neighbour enlargement of `x` [batch, h, w, channels] to the sides of `skip` [batch, height, width, ...], then a
 * 3x3 convolution: diffusers' `upsample_size`. Of an odd side, which the encoder rounded up, the last doubled row is left
 * out; one that it rounded down is spread over the rows in between.
 */
export function upsampleTo(skip: Tensor4D, x: Tensor4D, params: Convolution): Tensor4D {
  const [batch, height, width] = skip.shape;
  const [, h, w, channels] = x.shape;
  if (2 * h < height || 2 * w < width) return convolution(spread(spread(x, 1, height), 2, width), params);
  const twice = enlarge(x);
  const fits = 2 * h === height && 2 * w === width;
  return convolution(fits ? twice : slice(twice, [0, 0, 0, 0], [batch, height, width, channels]), params);
}

/** The rows (axis 1) or columns (axis 2) of `x` that lie nearest to those of a side of `length`. */
function spread(x: Tensor4D, axis: 1 | 2, length: number): Tensor4D {
  const from = x.shape[axis];
  const indices = Array.from({ length }, (_, i) => Math.floor((i * from) / length));
  return gather(x, tensor1d(indices, "int32"), axis);
}
