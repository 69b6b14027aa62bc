import {
  expectClose,
  expectGradients,
  expectNoTensorLeak,
  useCpuBackend,
} from "@controlnet-js/vitest-preset/tensors";
import {
  dispose,
  grads,
  matMul,
  mul,
  softmax,
  square,
  sum,
  type Tensor,
  type Tensor3D,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { randomInitializer } from "../initializer.js";
import { randomTensor } from "../testing/random-tensor.js";
import { expectSameFunction } from "../testing/same-function.js";
import {
  attention,
  attentionGradients,
  attentionInBlocks,
  blocksOf,
  createAttention,
  mergeHeads,
  multiHeadAttention,
  splitHeads,
} from "./attention.js";

beforeAll(useCpuBackend);

const plain = (query: Tensor, key: Tensor, value: Tensor): Tensor =>
  matMul(softmax(matMul(mul(query, query.shape[2]! ** -0.5), key, false, true)), value);

const shapes = [
  { name: "self", heads: 4, queries: 7, keys: 7, d: 3, dValue: 3 },
  { name: "cross", heads: 3, queries: 11, keys: 5, d: 4, dValue: 2 },
  { name: "one key", heads: 2, queries: 3, keys: 1, d: 2, dValue: 2 },
];

describe.each(shapes)("attention, $name", ({ heads, queries, keys, d, dValue }) => {
  const inputs = () => [
    randomTensor<Tensor3D>([heads, queries, d]),
    randomTensor<Tensor3D>([heads, keys, d], 1),
    randomTensor<Tensor3D>([heads, keys, dValue], 2),
  ];
  test("is the plain formula, in value and gradients", () => {
    expectSameFunction(
      (q, k, v) => attention(q as Tensor3D, k as Tensor3D, v as Tensor3D),
      plain as (...xs: Tensor[]) => Tensor,
      inputs(),
    );
  });
  // Limits that give: single rows; a few rows, the last block short; whole heads, the last block short; one block.
  test.each([1, keys * 3, queries * keys * 2, 1e6])("is the same with blocks of %i scores", (limit) => {
    const blocks = blocksOf(heads, queries, keys, limit);
    const [q, k, v] = inputs() as [Tensor3D, Tensor3D, Tensor3D];
    const scale = d ** -0.5;
    const output = attentionInBlocks(q, k, v, scale, blocks);
    expectClose(output, plain(q, k, v));
    const upstream = randomTensor([heads, queries, dValue], 3);
    const expected = grads((...xs: Tensor[]) => sum(mul(plain(xs[0]!, xs[1]!, xs[2]!), upstream)))([q, k, v]);
    attentionGradients(upstream, q, k, v, output, scale, blocks).forEach((gradient, i) => {
      expectClose(gradient, expected[i]!);
    });
  });
});

describe("blocksOf", () => {
  test.each([
    [8, 4096, 4096],
    [16, 1024, 77],
    [3, 5, 7],
    [2, 1, 2 ** 23],
  ])("%i heads of %i x %i scores: every row once, no block above the limit", (heads, queries, keys) => {
    const limit = 2 ** 22;
    const blocks = blocksOf(heads, queries, keys);
    const rows = blocks.reduce((total, block) => total + block.heads * block.rows, 0);
    expect(rows).toBe(heads * queries);
    for (const block of blocks)
      expect(block.heads * block.rows * keys <= limit || block.heads * block.rows === 1).toBe(true);
  });
  test("whole heads go together while they are small", () => {
    expect(blocksOf(16, 64, 64)).toHaveLength(1);
  });
});

test("attention leaks nothing", async () => {
  const x = randomTensor<Tensor3D>([2, 5, 4]);
  await expectNoTensorLeak(() => {
    attention(x, x, x).dispose();
    dispose(
      grads((...xs: Tensor[]) => sum(square(attention(xs[0] as Tensor3D, xs[1] as Tensor3D, x))))([x, x]),
    );
  });
});

test("attention refuses shapes that don't fit together", () => {
  expect(() => attention(randomTensor([2, 5, 4]), randomTensor([2, 3, 5]), randomTensor([2, 3, 5]))).toThrow(
    "attention: query [2,5,4]",
  );
});

test("splitHeads and mergeHeads undo each other", () => {
  const x = randomTensor<Tensor3D>([2, 3, 8]);
  const split = splitHeads(x, 4);
  expect(split.shape).toEqual([8, 3, 2]);
  expectClose(mergeHeads(split, 4), x, 0);
  expect([...split.dataSync().slice(0, 4)]).toEqual([0, 1, 8, 9].map((i) => x.dataSync()[i]));
  expect(() => splitHeads(x, 3)).toThrow("8 channels don't divide into 3 heads");
});

test("multiHeadAttention over a context has the right gradients", () => {
  const params = createAttention(randomInitializer(5), "attention", 4, 3);
  expect(params.query.bias).toBeUndefined();
  expectGradients(
    (x, context, query, output) =>
      multiHeadAttention(
        x as Tensor3D,
        { ...params, query: { kernel: query! }, output: { ...params.output, kernel: output! } },
        2,
        context as Tensor3D,
      ),
    [randomTensor([2, 3, 4]), randomTensor([2, 5, 3]), params.query.kernel, params.output.kernel],
    { tolerance: 2e-3 },
  );
});
