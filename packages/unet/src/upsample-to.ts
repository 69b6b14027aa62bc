import { type Convolution, convolution, enlarge } from "@controlnet-js/core";
import { slice, type Tensor4D } from "@tensorflow/tfjs-core";

/**
 * Nearest-neighbour enlargement of `x` [batch, h, w, channels] to the sides of `skip` [batch, height, width, ...], then a
 * 3x3 convolution. `h` is `height / 2` rounded up, as the encoder's strided convolution leaves it; of an odd side the
 * last doubled row is left out. This is diffusers' `upsample_size`.
 */
export function upsampleTo(skip: Tensor4D, x: Tensor4D, params: Convolution): Tensor4D {
  const [batch, height, width] = skip.shape;
  const twice = enlarge(x);
  const fits = twice.shape[1] === height && twice.shape[2] === width;
  return convolution(fits ? twice : slice(twice, [0, 0, 0, 0], [batch, height, width, x.shape[3]]), params);
}
