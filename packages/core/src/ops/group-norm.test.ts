import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import {
  add,
  dispose,
  div,
  grads,
  mean,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomInitializer } from "../initializer.js";
import { randomTensor } from "../testing/random-tensor.js";
import { expectSameFunction } from "../testing/same-function.js";
import { createNorm, groupNorm } from "./group-norm.js";

beforeAll(useCpuBackend);

/** The definition, in loops. */
function naive(x: Tensor, scale: Tensor, bias: Tensor, groups: number, epsilon: number): Float64Array {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const data = x.dataSync();
  const size = channels / groups;
  const y = new Float64Array(data.length);
  for (let b = 0; b < batch; b++)
    for (let g = 0; g < groups; g++) {
      const places: number[] = [];
      for (let p = 0; p < height * width; p++)
        for (let c = g * size; c < (g + 1) * size; c++) places.push((b * height * width + p) * channels + c);
      const average = places.reduce((total, i) => total + data[i]!, 0) / places.length;
      const variance = places.reduce((total, i) => total + (data[i]! - average) ** 2, 0) / places.length;
      for (const i of places) {
        const c = i % channels;
        y[i] =
          ((data[i]! - average) / Math.sqrt(variance + epsilon)) * scale.dataSync()[c]! + bias.dataSync()[c]!;
      }
    }
  return y;
}

const inputs = () =>
  [randomTensor<Tensor4D>([2, 3, 5, 12]), randomTensor([12], 1), randomTensor([12], 2)] as const;

test.each([1, 3, 4, 12])("groupNorm in %i groups is the definition", (groups) => {
  const [x, scale, bias] = inputs();
  expectClose(groupNorm(x, { scale, bias }, groups, 1e-5), naive(x, scale, bias, groups, 1e-5), 1e-5);
});

test("groupNorm keeps its precision far from zero", () => {
  const [x, scale, bias] = inputs();
  const far = add(x, 100) as Tensor4D;
  expectClose(groupNorm(far, { scale, bias }, 4, 1e-5), naive(far, scale, bias, 4, 1e-5), 1e-4);
});

test("groupNorm has the gradients of the plain formula", () => {
  const plain = (x: Tensor, scale: Tensor, bias: Tensor) => {
    const grouped = reshape(x, [2, 15, 4, 3]);
    const centred = sub(grouped, mean(grouped, [1, 3], true));
    const normalised = div(centred, sqrt(add(mean(square(centred), [1, 3], true), 1e-5)));
    return add(mul(reshape(normalised, x.shape), scale), bias);
  };
  expectSameFunction(
    (x, scale, bias) => groupNorm(x as Tensor4D, { scale: scale!, bias: bias! }, 4, 1e-5),
    plain as (...xs: Tensor[]) => Tensor,
    [...inputs()],
  );
});

test("groupNorm leaks nothing", async () => {
  const [x, scale, bias] = inputs();
  await expectNoTensorLeak(() => {
    groupNorm(x, { scale, bias }, 4, 1e-5).dispose();
    dispose(
      grads((...xs: Tensor[]) =>
        sum(square(groupNorm(xs[0] as Tensor4D, { scale: xs[1]!, bias: xs[2]! }, 4, 1e-5))),
      )([x, scale, bias]),
    );
  });
});

test("groupNorm refuses channels that don't divide into its groups", () => {
  const norm = createNorm(randomInitializer(0), "norm", 12);
  expect(() => groupNorm(randomTensor([1, 2, 2, 12]), norm, 5, 1e-5)).toThrow("12 channels in 5 groups");
});
