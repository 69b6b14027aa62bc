import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { grads, mul, sum, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomInitializer } from "../initializer.js";
import { randomTensor } from "../testing/random-tensor.js";
import { createZeroConvolution, zeroConvolution } from "./zero-convolution.js";

beforeAll(useCpuBackend);

const input = () => randomTensor<Tensor4D>([2, 3, 3, 4]);
const gradientsAtZero = (upstream: Tensor) => {
  const { kernel, bias } = createZeroConvolution(randomInitializer(0), "zero", 4, 2);
  return grads((x: Tensor, w: Tensor, b: Tensor) =>
    sum(mul(zeroConvolution(x as Tensor4D, { kernel: w, bias: b }), upstream)),
  )([input(), kernel, bias]) as [Tensor, Tensor, Tensor];
};

test("a new zero convolution adds exactly nothing, whatever comes in", () => {
  const params = createZeroConvolution(randomInitializer(0), "zero", 4);
  const y = zeroConvolution(mul(input(), 1e30) as Tensor4D, params);
  expect(y.shape).toEqual([2, 3, 3, 4]);
  expect([...y.dataSync()].every((value) => value === 0)).toBe(true);
});

test("at zero, dZ/dB = 1, dZ/dW = I and dZ/dI = 0 (section 3.1)", () => {
  const upstream = randomTensor([2, 3, 3, 2]);
  const [dx, dKernel, dBias] = gradientsAtZero(upstream);
  expect([...dx.dataSync()].every((value) => value === 0)).toBe(true);
  expectClose(dBias, sum(upstream, [0, 1, 2]));
  const [x, d] = [input().dataSync(), upstream.dataSync()];
  const expected = Array.from({ length: 4 * 2 }, (_, i) => {
    let total = 0;
    for (let p = 0; p < 18; p++) total += x[p * 4 + Math.floor(i / 2)]! * d[p * 2 + (i % 2)]!;
    return total;
  });
  expectClose(dKernel, expected);
});

test("after one step of gradient descent the weights differ from zero and gradients reach the input", () => {
  const upstream = randomTensor([2, 3, 3, 2]);
  const [, dKernel, dBias] = gradientsAtZero(upstream);
  const stepped = { kernel: mul(dKernel, -0.1), bias: mul(dBias, -0.1) };
  const [dx] = grads((x: Tensor) => sum(mul(zeroConvolution(x as Tensor4D, stepped), upstream)))([input()]);
  expect(Math.max(...dx!.dataSync().map(Math.abs))).toBeGreaterThan(1e-3);
  expect(Math.max(...stepped.kernel.dataSync().map(Math.abs))).toBeGreaterThan(1e-3);
});
