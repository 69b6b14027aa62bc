import {
  concat,
  matMul,
  pad,
  reshape,
  reverse,
  slice,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  transpose,
} from "@tensorflow/tfjs-core";

/** A convolution of stride 1 in NHWC, with what it pads on each side. */
export interface ConvolutionShape {
  batch: number;
  height: number;
  width: number;
  inChannels: number;
  kernelHeight: number;
  kernelWidth: number;
  outChannels: number;
  top: number;
  bottom: number;
  left: number;
  right: number;
}

const outputSize = (s: ConvolutionShape): [number, number] => [
  s.height + s.top + s.bottom - s.kernelHeight + 1,
  s.width + s.left + s.right - s.kernelWidth + 1,
];

/** Every patch under the kernel as a row: [batch * outHeight * outWidth, kernelHeight * kernelWidth * channels]. */
function patches(x: Tensor4D, s: ConvolutionShape): Tensor2D {
  const [batch, , , channels] = x.shape;
  const [height, width] = outputSize(s);
  const padded = pad(x, [
    [0, 0],
    [s.top, s.bottom],
    [s.left, s.right],
    [0, 0],
  ]);
  const parts: Tensor[] = [];
  for (let i = 0; i < s.kernelHeight; i++)
    for (let j = 0; j < s.kernelWidth; j++)
      parts.push(slice(padded, [0, i, j, 0], [batch, height, width, channels]));
  return reshape(concat(parts, 3), [batch * height * width, parts.length * channels]);
}

/** `x` convolved with `kernel`, as one matrix product. */
export function forwardByProduct(x: Tensor4D, kernel: Tensor4D, s: ConvolutionShape): Tensor4D {
  const rows = s.kernelHeight * s.kernelWidth * s.inChannels;
  const [height, width] = outputSize(s);
  const y = matMul(patches(x, s), reshape(kernel, [rows, s.outChannels]) as Tensor2D);
  return reshape(y, [s.batch, height, width, s.outChannels]);
}

/** The gradient of the input: `dy` convolved with the kernel turned over, channels exchanged. */
export function inputGradientByProduct(dy: Tensor4D, kernel: Tensor4D, s: ConvolutionShape): Tensor4D {
  const [height, width] = outputSize(s);
  const turned = transpose(reverse(kernel, [0, 1]), [0, 1, 3, 2]) as Tensor4D;
  return forwardByProduct(dy, turned, {
    ...s,
    height,
    width,
    inChannels: s.outChannels,
    outChannels: s.inChannels,
    top: s.kernelHeight - 1 - s.top,
    bottom: s.kernelHeight - 1 - s.bottom,
    left: s.kernelWidth - 1 - s.left,
    right: s.kernelWidth - 1 - s.right,
  });
}

/** The gradient of the kernel: the patches of `x` against `dy`. */
export function kernelGradientByProduct(x: Tensor4D, dy: Tensor4D, s: ConvolutionShape): Tensor4D {
  const flat = reshape(dy, [-1, s.outChannels]) as Tensor2D;
  return reshape(matMul(patches(x, s), flat, true), [
    s.kernelHeight,
    s.kernelWidth,
    s.inChannels,
    s.outChannels,
  ]);
}
