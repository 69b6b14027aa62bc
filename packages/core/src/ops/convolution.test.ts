import { expectClose, expectGradients, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { type Tensor, type Tensor4D, zeros } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { randomTensor } from "../testing/random-tensor.js";
import { type ConvolutionOptions, convolution } from "./convolution.js";

beforeAll(useCpuBackend);

/** The definition, in loops, with `before` zeros added above and left. */
function naive(
  x: Tensor,
  kernel: Tensor,
  bias: Tensor,
  stride: number,
  before: number,
  outSize: [number, number],
) {
  const [batch, height, width, inChannels] = x.shape as [number, number, number, number];
  const [kernelHeight, kernelWidth, , outChannels] = kernel.shape as [number, number, number, number];
  const [a, w, b] = [x.dataSync(), kernel.dataSync(), bias.dataSync()];
  const y: number[] = [];
  for (let n = 0; n < batch; n++)
    for (let row = 0; row < outSize[0]; row++)
      for (let column = 0; column < outSize[1]; column++)
        for (let o = 0; o < outChannels; o++) {
          let total = b[o]!;
          for (let i = 0; i < kernelHeight; i++)
            for (let j = 0; j < kernelWidth; j++) {
              const r = row * stride + i - before;
              const c = column * stride + j - before;
              if (r < 0 || c < 0 || r >= height || c >= width) continue;
              for (let k = 0; k < inChannels; k++)
                total +=
                  a[((n * height + r) * width + c) * inChannels + k]! *
                  w[((i * kernelWidth + j) * inChannels + k) * outChannels + o]!;
            }
          y.push(total);
        }
  return y;
}

interface Case {
  size: number;
  options: ConvolutionOptions;
  before: number;
  input: [number, number];
  output: [number, number];
}

describe.each<Case>([
  { size: 3, options: {}, before: 1, input: [5, 4], output: [5, 4] },
  { size: 1, options: {}, before: 0, input: [3, 5], output: [3, 5] },
  { size: 3, options: { stride: 2 }, before: 1, input: [6, 4], output: [3, 2] },
  { size: 3, options: { stride: 2 }, before: 1, input: [5, 7], output: [3, 4] },
  { size: 3, options: { stride: 2, padding: "down-right" }, before: 0, input: [6, 4], output: [3, 2] },
  { size: 1, options: { stride: 2, padding: "same" }, before: 0, input: [4, 6], output: [2, 3] },
])("convolution $size x $size, $options, input $input", ({ size, options, before, input, output }) => {
  const inputs = () =>
    [randomTensor([2, ...input, 3]), randomTensor([size, size, 3, 2]), randomTensor([2])] as const;
  test("is the definition", () => {
    const [x, kernel, bias] = inputs();
    const y = convolution(x as Tensor4D, { kernel, bias }, options);
    expect(y.shape).toEqual([2, ...output, 2]);
    expectClose(y, naive(x, kernel, bias, options.stride ?? 1, before, output));
  });
  test("has the right gradients", () =>
    expectGradients(
      (x, kernel, bias) => convolution(x as Tensor4D, { kernel: kernel!, bias: bias! }, options),
      [...inputs()],
      { tolerance: 2e-3 },
    ));
});

test("convolution names the channels that don't fit", () => {
  const params = { kernel: zeros([3, 3, 640, 8]), bias: zeros([8]) };
  expect(() => convolution(zeros([1, 2, 2, 320]), params)).toThrow(
    "convolution: expected 640 input channels, got 320 (input [1,2,2,320], kernel [3,3,640,8])",
  );
});
