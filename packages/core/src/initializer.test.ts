import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, expect, test } from "vitest";
import { randomInitializer, shapeInitializer } from "./initializer.js";
import { createConvolution } from "./ops/convolution.js";
import { leavesOf } from "./tree.js";

beforeAll(useCpuBackend);

test("a leaf depends on the seed and its own path alone", () => {
  const init = randomInitializer(1);
  const draw = (path: string, seed = 1) =>
    randomInitializer(seed)(path, [4], { kind: "fan-in", fanIn: 4 }).dataSync();
  init("another", [100], { kind: "normal", deviation: 1 });
  expectClose(init("a.kernel", [4], { kind: "fan-in", fanIn: 4 }), draw("a.kernel"), 0);
  expect(draw("a.kernel")).not.toEqual(draw("b.kernel"));
  expect(draw("a.kernel")).not.toEqual(draw("a.kernel", 2));
});

test("fan-in values fill +-sqrt(1 / fanIn) as in PyTorch", () => {
  const { kernel, bias } = createConvolution(randomInitializer(1), "conv", 16, 32);
  const bound = Math.sqrt(1 / (16 * 9));
  const values = [...kernel.dataSync()];
  expect(Math.max(...values)).toBeLessThan(bound);
  expect(Math.max(...values)).toBeGreaterThan(0.99 * bound);
  expect(Math.min(...values)).toBeGreaterThan(-bound);
  expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(0, 2);
  expect(Math.max(...bias.dataSync().map(Math.abs))).toBeLessThan(bound);
});

test("normal values have the deviation asked for, constants are constant", () => {
  const init = randomInitializer(1);
  const values = [...init("n", [10000], { kind: "normal", deviation: 0.02 }).dataSync()];
  expect(Math.sqrt(values.reduce((a, b) => a + b * b, 0) / values.length)).toBeCloseTo(0.02, 3);
  expectClose(init("c", [2, 2], { kind: "constant", value: 1.5 }), [1.5, 1.5, 1.5, 1.5], 0);
});

test("shapes come without tensors, by the same description", () => {
  const leaves = leavesOf<{ shape: number[]; size: number }>(createConvolution(shapeInitializer, "c", 3, 8));
  expect(leaves.map((leaf) => [leaf.path, leaf.value.shape, leaf.value.size])).toEqual([
    ["kernel", [3, 3, 3, 8], 216],
    ["bias", [8], 8],
  ]);
});
