import { expectClose, expectGradients, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { type Tensor4D, tensor4d, zeros } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomTensor } from "../testing/random-tensor.js";
import { downsample, upsample } from "./resample.js";

beforeAll(useCpuBackend);

const params = () => ({ kernel: randomTensor([3, 3, 2, 2]), bias: randomTensor([2]) });
const identity = () => ({ kernel: tensor4d([0, 0, 0, 0, 1, 0, 0, 0, 0], [3, 3, 1, 1]), bias: zeros([1]) });

test("downsample takes every other pixel, centred on even ones", () => {
  const x = tensor4d(
    Float32Array.from({ length: 16 }, (_, i) => i),
    [1, 4, 4, 1],
  );
  expectClose(downsample(x, identity()), [0, 2, 8, 10]);
});

test("upsample repeats every pixel", () => {
  const y = upsample(tensor4d([1, 2, 3, 4], [1, 2, 2, 1]), identity());
  expect(y.shape).toEqual([1, 4, 4, 1]);
  expectClose(y, [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
});

test.each([
  ["downsample", downsample],
  ["upsample", upsample],
] as const)("%s has the right gradients", (_, f) => {
  expectGradients(
    (x, kernel, bias) => f(x as Tensor4D, { kernel: kernel!, bias: bias! }),
    [randomTensor([2, 4, 2, 2]), params().kernel, params().bias],
    { tolerance: 2e-3 },
  );
});
