import { type Convolution, type Initializer, join } from "@controlnet-js/core";
import { add, conv2d, type Tensor1D, type Tensor4D } from "@tensorflow/tfjs-core";

/** Describes a convolution with a kernel of any height and width. */
export const createPatches = <L>(
  init: Initializer<L>,
  path: string,
  [height, width]: readonly [number, number],
  inChannels: number,
  outChannels: number,
): Convolution<L> => ({
  kernel: init(join(path, "kernel"), [height, width, inChannels, outChannels], {
    kind: "fan-in",
    fanIn: height * width * inChannels,
  }),
  bias: init(join(path, "bias"), [outChannels], { kind: "constant", value: 0 }),
});

/** A convolution of patches that lie side by side; what is left over on the right and below is not seen. */
export function patches(x: Tensor4D, { kernel, bias }: Convolution): Tensor4D {
  const strides: [number, number] = [kernel.shape[0]!, kernel.shape[1]!];
  return add(conv2d(x, kernel as Tensor4D, strides, "valid"), bias as Tensor1D);
}
