import { expectClose, expectGradients, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomInitializer, shapeInitializer } from "../initializer.js";
import { randomTensor } from "../testing/random-tensor.js";
import { createLinear, linear } from "./linear.js";

beforeAll(useCpuBackend);

test("linear multiplies and shifts the last axis", () => {
  const kernel = tensor2d([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  expectClose(linear(tensor2d([[1, 0, -1]]), { kernel, bias: tensor1d([10, 20]) }), tensor2d([[6, 16]]));
  expectClose(linear(tensor2d([[1, 0, -1]]), { kernel }), tensor2d([[-4, -4]]));
});

test("linear keeps every other axis", () => {
  const params = createLinear(randomInitializer(1), "layer", 3, 5);
  expect(linear(randomTensor([2, 4, 3]), params).shape).toEqual([2, 4, 5]);
  expect(linear(randomTensor([2, 2, 2, 3]), params).shape).toEqual([2, 2, 2, 5]);
});

test("linear has the right gradients", () => {
  expectGradients(
    (x, kernel, bias) => linear(x!, { kernel: kernel!, bias: bias! }),
    [randomTensor([2, 2, 3]), randomTensor([3, 4]), randomTensor([4])],
    { tolerance: 2e-3 },
  );
});

test("linear names the features that don't fit", () => {
  expect(() => linear(randomTensor([2, 4]), { kernel: randomTensor([3, 5]) })).toThrow(
    "linear: expected 3 input features, got 4",
  );
});

test("createLinear leaves the bias out where asked", () => {
  expect(createLinear(shapeInitializer, "layer", 3, 5, { bias: false }).bias).toBeUndefined();
});
