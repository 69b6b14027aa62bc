import { expectClose, expectGradients, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { tensor1d } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { randomInitializer } from "../initializer.js";
import { randomTensor } from "../testing/random-tensor.js";
import { createTimeEmbedding, embedTimesteps, sinusoidalEmbedding } from "./timestep-embedding.js";

beforeAll(useCpuBackend);

test("sinusoidalEmbedding is cosines, then sines, of falling frequencies", () => {
  const t = 981;
  const frequencies = [1, 0.1, 0.01, 0.001];
  const expected = [...frequencies.map((f) => Math.cos(t * f)), ...frequencies.map((f) => Math.sin(t * f))];
  const embedding = sinusoidalEmbedding(tensor1d([0, t]), 8);
  expect(embedding.shape).toEqual([2, 8]);
  expectClose(embedding, [1, 1, 1, 1, 0, 0, 0, 0, ...expected], 1e-4);
});

test("sinusoidalEmbedding can begin with the sines, shift its frequencies and pad odd channels", () => {
  const expected = [Math.sin(3), Math.sin(3 / 10000), Math.cos(3), Math.cos(3 / 10000), 0];
  const options = { cosineFirst: false, frequencyShift: 1 };
  expectClose(sinusoidalEmbedding(tensor1d([3]), 5, options), expected, 1e-6);
});

test("embedTimesteps goes from n sinusoids to 4 n features, also for integer timesteps", () => {
  const params = createTimeEmbedding(randomInitializer(3), "time", 8);
  const embedding = embedTimesteps(tensor1d([1, 500, 999], "int32"), params);
  expect(embedding.shape).toEqual([3, 32]);
  expectClose(embedding, embedTimesteps(tensor1d([1, 500, 999]), params));
});

test("embedTimesteps has the right gradients", () => {
  expectGradients(
    (a, b, c, d) =>
      embedTimesteps(tensor1d([7, 300]), {
        linear1: { kernel: a!, bias: b! },
        linear2: { kernel: c!, bias: d! },
      }),
    [randomTensor([4, 5]), randomTensor([5]), randomTensor([5, 3]), randomTensor([3])],
    { tolerance: 5e-3 },
  );
});
