import { attention, composedKernel } from "@controlnet-js/core";
import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { requireEngine } from "../engine.js";
import { jit, traceReport } from "../jit/jit.js";
import { registerTensorFlow } from "../register-tensorflow.js";
import { distance, sameBits } from "../testing/distance.js";

let onCpu = false;
beforeAll(async () => {
  onCpu = (await registerTensorFlow()).device === "cpu";
});

type Shape = [heads: number, queries: number, keys: number, d: number, e: number];
type Inputs = Record<"query" | "key" | "value" | "upstream", tf.Tensor3D>;

const inputs = ([heads, queries, keys, d, e]: Shape, size = 1): Inputs => {
  const random = (shape: [number, number, number], seed: number) =>
    tf.randomNormal<tf.Rank.R3>(shape, 0, size, "float32", seed);
  return {
    query: random([heads, queries, d], 1),
    key: random([heads, keys, d], 2),
    value: random([heads, keys, e], 3),
    upstream: random([heads, queries, e], 4),
  };
};

const valueAndGradients = ({ query, key, value, upstream }: Inputs): tf.Tensor[] => {
  const run = (...[q, k, v]: tf.Tensor[]) => attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D);
  const made = tf.valueAndGrads(run)([query, key, value], upstream as never);
  return [made.value, ...(made.grads as tf.Tensor[])];
};

/** The definition and its derivatives in double precision. */
function definition({ query, key, value, upstream }: Inputs): Float64Array[] {
  const [heads, queries, d] = query.shape;
  const [, keys, e] = value.shape;
  const [q, k, v, dy] = [query, key, value, upstream].map((t) => t.dataSync()) as Float32Array[];
  const [y, dq, dk, dv] = [upstream, query, key, value].map((t) => new Float64Array(t.size));
  const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, n: number) => {
    let sum = 0;
    for (let c = 0; c < n; c++) sum += a[i + c]! * b[j + c]!;
    return sum;
  };
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < queries; i++) {
      const row = h * queries + i;
      const places = Array.from({ length: keys }, (_, j) => h * keys + j);
      const scores = places.map((at) => dot(q!, row * d, k!, at * d, d) / Math.sqrt(d));
      const largest = Math.max(...scores);
      const raw = scores.map((score) => Math.exp(score - largest));
      const sum = raw.reduce((a, b) => a + b, 0);
      const weights = raw.map((weight) => weight / sum);
      const slopes = places.map((at) => dot(dy!, row * e, v!, at * e, e));
      const mean = weights.reduce((total, weight, j) => total + weight * slopes[j]!, 0);
      places.forEach((at, j) => {
        const slope = (weights[j]! * (slopes[j]! - mean)) / Math.sqrt(d);
        for (let c = 0; c < e; c++) {
          y![row * e + c]! += weights[j]! * v![at * e + c]!;
          dv![at * e + c]! += weights[j]! * dy![row * e + c]!;
        }
        for (let c = 0; c < d; c++) {
          dq![row * d + c]! += slope * k![at * d + c]!;
          dk![at * d + c]! += slope * q![row * d + c]!;
        }
      });
    }
  return [y!, dq!, dk!, dv!];
}

test.each<[Shape, number]>([
  [[2, 5, 7, 3, 3], 1],
  [[1, 1, 1, 1, 1], 1],
  [[3, 8, 16, 16, 16], 1],
  [[2, 67, 130, 40, 40], 1],
  [[4, 33, 77, 20, 20], 1],
  [[1, 9, 11, 300, 5], 1],
  [[2, 150, 300, 24, 40], 1],
  [[40, 3, 4, 8, 8], 1],
  [[1, 70, 1500, 8, 8], 1],
  [[2, 20, 30, 16, 16], 6],
])("attention of %j with values around %d is the definition", async (shape, size) => {
  const given = inputs(shape, size);
  const expected = definition(given);
  const compiled = jit(() => valueAndGradients(given), { name: "ownAttention" });
  await expectNoTensorLeak(() => {
    const [eager, recorded] = [valueAndGradients(given), compiled()];
    expected.forEach((values, i) => {
      expect(distance(eager[i]!, values)).toBeLessThan(2e-5);
      expect(sameBits(recorded[i]!, eager[i]!)).toBe(true);
    });
    tf.dispose([eager, recorded]);
  });
  const { ops } = traceReport().find(({ name }) => name === "ownAttention")!;
  if (onCpu)
    expect([ops.ControlNetAttention, ops.ControlNetAttentionGrad, ops.Softmax]).toEqual([1, 1, undefined]);
  compiled.dispose();
  tf.dispose(Object.values(given));
});

test("long rows agree with the composed form, and the same numbers come out at every call", () => {
  const given = inputs([2, 500, 2100, 40, 40]);
  const first = valueAndGradients(given);
  const scale = 40 ** -0.5;
  const { query, key, value, upstream } = given;
  const composed = composedKernel("Attention")!;
  const saved = [query, key, value, first[0]!];
  const { gradFunc } = composed.gradient!;
  const expected = gradFunc(upstream, saved, { scale }) as unknown as Record<string, () => tf.Tensor>;
  [expected.query!(), expected.key!(), expected.value!()].forEach((gradient, i) => {
    expect(distance(first[i + 1]!, gradient.dataSync())).toBeLessThan(2e-5);
  });
  for (let i = 0; i < 5; i++)
    valueAndGradients(given).forEach((t, k) => {
      expect(sameBits(t, first[k]!)).toBe(true);
    });
});

test("one weight takes all where scores are far apart, and what is not finite stays in its row and head", () => {
  const eye = tf.expandDims(tf.mul(tf.eye(4), 1e4), 0) as tf.Tensor3D;
  const value = tf.randomNormal([1, 4, 3], 0, 1, "float32", 1) as tf.Tensor3D;
  expect(distance(attention(eye, eye, value), value.dataSync())).toBeLessThan(1e-6);
  const given = inputs([2, 20, 40, 8, 8]);
  const values = given.query.dataSync().slice();
  values[3 * 8] = Number.NaN;
  const y = attention(tf.tensor3d(values, given.query.shape), given.key, given.value).dataSync();
  for (let i = 0; i < y.length; i++) expect(Number.isNaN(y[i])).toBe(Math.floor(i / 8) === 3);
});

test.each<[Shape]>([[[0, 3, 4, 8, 8]], [[2, 0, 4, 8, 8]], [[2, 3, 0, 8, 8]]])(
  "attention of %j is zero, as are its gradients",
  (shape) => {
    const given = inputs(shape);
    for (const t of valueAndGradients(given)) expect(t.dataSync().every((value) => value === 0)).toBe(true);
  },
);

test("XLA gets the composed form, and gradients of second order come from it", () => {
  const given = inputs([2, 6, 5, 8, 8]);
  const fn = jit(() => valueAndGradients(given), { xla: true });
  const compiled = fn();
  valueAndGradients(given).forEach((t, i) => {
    expect(distance(compiled[i]!, t.dataSync())).toBeLessThan(1e-5);
  });
  fn.dispose();
  const { query, key, value } = given;
  const slopes = tf.grad((x) =>
    tf.square(tf.grad((z) => tf.square(attention(z as tf.Tensor3D, key, value)))(x)),
  )(query);
  expect(slopes.shape).toEqual(query.shape);
});

test("tensors that do not fit together are refused with the op's name", () => {
  const { binding, backend } = requireEngine("test");
  const ids = backend.getInputTensorIds([tf.zeros([1, 2, 6]), tf.zeros([1, 3, 5]), tf.zeros([1, 3, 5])]);
  expect(() =>
    binding.executeOp("ControlNetAttention", [{ name: "scale", type: 2, value: 1 }], ids, 1),
  ).toThrowError(expect.objectContaining({ code: "shape", op: "ControlNetAttention" }));
});
