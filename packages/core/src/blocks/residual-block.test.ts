import {
  expectClose,
  expectGradients,
  expectNoTensorLeak,
  useCpuBackend,
} from "@controlnet-js/vitest-preset/tensors";
import {
  dispose,
  grads,
  square,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tidy,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomInitializer, shapeInitializer } from "../initializer.js";
import { randomTensor } from "../testing/random-tensor.js";
import { leavesOf, mapTree, treeLike } from "../tree.js";
import { createResidualBlock, residualBlock } from "./residual-block.js";

beforeAll(useCpuBackend);

const options = { groups: 2, epsilon: 1e-5 };

test("a residual block whose last convolution is zero is its skip", () => {
  const params = createResidualBlock(randomInitializer(1), "block", 4, 4, 6);
  const last = mapTree(params.convolution2, (leaf) => zerosLike(leaf)) as typeof params.convolution2;
  const x = randomTensor<Tensor4D>([2, 3, 3, 4]);
  const time = randomTensor<Tensor2D>([2, 6]);
  expectClose(residualBlock(x, { ...params, convolution2: last }, time, options), x, 0);
});

test("a residual block projects its skip where channels change, and knows no time where none is asked for", () => {
  const same = createResidualBlock(shapeInitializer, "block", 4, 4, 0);
  expect(leavesOf(same).map((leaf) => leaf.path)).toEqual([
    "norm1.scale",
    "norm1.bias",
    "convolution1.kernel",
    "convolution1.bias",
    "norm2.scale",
    "norm2.bias",
    "convolution2.kernel",
    "convolution2.bias",
  ]);
  expect(createResidualBlock(shapeInitializer, "block", 4, 6, 5).skip?.kernel.shape).toEqual([1, 1, 4, 6]);
});

test("a residual block is affected by the time, sample by sample", () => {
  const params = createResidualBlock(randomInitializer(1), "block", 4, 6, 5);
  const x = randomTensor<Tensor4D>([1, 3, 3, 4]);
  const [early, late] = [0, 1].map((i) =>
    residualBlock(x, params, randomTensor<Tensor2D>([1, 5], i), options).dataSync(),
  );
  expect(early).not.toEqual(late);
});

test("a residual block has the right gradients in its input, time and every parameter", () => {
  const params = createResidualBlock(randomInitializer(1), "block", 2, 4, 3);
  expectGradients(
    (x, time, ...leaves) => residualBlock(x as Tensor4D, treeLike(params, leaves), time as Tensor2D, options),
    [randomTensor([2, 2, 3, 2]), randomTensor([2, 3]), ...leavesOf(params).map((leaf) => leaf.value)],
    { tolerance: 1e-2 },
  );
});

test("a residual block leaks nothing", async () => {
  const params = createResidualBlock(randomInitializer(1), "block", 4, 6, 5);
  const x = randomTensor<Tensor4D>([1, 3, 3, 4]);
  const time = randomTensor<Tensor2D>([1, 5]);
  await expectNoTensorLeak(() => {
    dispose(
      grads((...leaves: Tensor[]) => sum(square(residualBlock(x, treeLike(params, leaves), time, options))))(
        leavesOf(params).map((leaf) => leaf.value),
      ),
    );
    tidy(() => residualBlock(x, params, time, options)).dispose();
  });
});
