import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import {
  add,
  div,
  mean,
  mul,
  sqrt,
  square,
  sub,
  type Tensor,
  tensor1d,
  tensor2d,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomTensor } from "../testing/random-tensor.js";
import { expectSameFunction } from "../testing/same-function.js";
import { layerNorm } from "./layer-norm.js";

beforeAll(useCpuBackend);

test("layerNorm normalises the last axis", () => {
  const scale = tensor1d([1, 2, 1]);
  const bias = tensor1d([0, 0, 5]);
  const z = Math.sqrt(1.5);
  expectClose(layerNorm(tensor2d([[1, 2, 3]]), { scale, bias }, 0), [-z, 0, 5 + z], 1e-6);
});

test.each([[[4, 6]], [[2, 3, 6]], [[2, 2, 3, 6]]])(
  "layerNorm of %j has the value and gradients of the plain formula",
  (shape) => {
    const plain = (x: Tensor, scale: Tensor, bias: Tensor) => {
      const centred = sub(x, mean(x, -1, true));
      return add(mul(div(centred, sqrt(add(mean(square(centred), -1, true), 1e-5))), scale), bias);
    };
    expectSameFunction(
      (x, scale, bias) => layerNorm(x!, { scale: scale!, bias: bias! }),
      plain as (...xs: Tensor[]) => Tensor,
      [randomTensor(shape), randomTensor([6], 1), randomTensor([6], 2)],
    );
  },
);

test("layerNorm names the features that don't fit", () => {
  expect(() =>
    layerNorm(randomTensor([2, 5]), { scale: randomTensor([6]), bias: randomTensor([6]) }),
  ).toThrow("layerNorm: expected 6 features, got input [2,5]");
});
