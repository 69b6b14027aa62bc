import { composedKernel, groupNorm } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
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

interface Inputs {
  x: tf.Tensor4D;
  scale: tf.Tensor;
  bias: tf.Tensor;
  upstream: tf.Tensor;
}

const inputs = (shape: number[], mean = 0): Inputs => {
  const channels = shape.at(-1)!;
  return tf.tidy(() => ({
    x: tf.add(tf.randomNormal(shape, 0, 1, "float32", 1), mean) as tf.Tensor4D,
    scale: tf.randomNormal([channels], 1, 1, "float32", 2),
    bias: tf.randomNormal([channels], 0, 1, "float32", 3),
    upstream: tf.randomNormal(shape, 0.5, 1, "float32", 4),
  }));
};

const valueAndGradients = ({ x, scale, bias, upstream }: Inputs, groups: number): tf.Tensor[] => {
  const { value, grads } = tf.valueAndGrads((...[a, b, c]: tf.Tensor[]) =>
    groupNorm(a as tf.Tensor4D, { scale: b!, bias: c! }, groups, 1e-5),
  )([x, scale, bias] as tf.Tensor[], upstream as never) as { value: tf.Tensor; grads: tf.Tensor[] };
  return [value, ...grads];
};

/** The definition and its derivatives in double precision. */
function definition({ x, scale, bias, upstream }: Inputs, groups: number): Float64Array[] {
  const [batch, height, width, channels] = x.shape;
  const [xs, dys, scales, biases] = [x, upstream, scale, bias].map((t) => t.dataSync()) as Float32Array[];
  const size = channels / groups;
  const [y, dx] = [new Float64Array(x.size), new Float64Array(x.size)];
  const [dScale, dBias] = [new Float64Array(channels), new Float64Array(channels)];
  for (let b = 0; b < batch; b++)
    for (let g = 0; g < groups; g++) {
      const places: number[] = [];
      for (let p = 0; p < height * width; p++)
        for (let c = g * size; c < (g + 1) * size; c++) places.push((b * height * width + p) * channels + c);
      const mean = (f: (i: number) => number) => places.reduce((sum, i) => sum + f(i), 0) / places.length;
      const average = mean((i) => xs![i]!);
      const inverse = 1 / Math.sqrt(mean((i) => (xs![i]! - average) ** 2) + 1e-5);
      const normalised = (i: number) => (xs![i]! - average) * inverse;
      const scaled = (i: number) => dys![i]! * scales![i % channels]!;
      const [first, second] = [mean(scaled), mean((i) => scaled(i) * normalised(i))];
      for (const i of places) {
        y[i] = normalised(i) * scales![i % channels]! + biases![i % channels]!;
        dx[i] = inverse * (scaled(i) - first - normalised(i) * second);
        dScale[i % channels]! += dys![i]! * normalised(i);
        dBias[i % channels]! += dys![i]!;
      }
    }
  return [y, dx, dScale, dBias];
}

const cases: [shape: number[], groups: number, mean: number][] = [
  [[2, 3, 5, 12], 4, 0],
  [[1, 7, 1, 6], 6, 0],
  [[3, 9, 11, 20], 1, 0],
  [[2, 1, 1, 24], 4, 0],
  [[1, 1, 3, 1], 1, 0],
  [[2, 33, 31, 100], 20, 0],
  [[1, 64, 64, 64], 32, 0],
  [[17, 16, 16, 64], 32, 0],
  [[1, 40, 40, 37], 37, 0],
  [[2, 33, 31, 96], 32, 1000],
];

test.each(cases)("groupNorm of %j in %i groups around %d is the definition", async (shape, groups, mean) => {
  const given = inputs(shape, mean);
  // float32 holds x and its mean around 1000 to 6e-5 only.
  const tolerance = mean ? 1e-3 : 2e-5;
  const expected = definition(given, groups);
  const compiled = jit(() => valueAndGradients(given, groups), { name: "ownGroupNorm" });
  await expectNoTensorLeak(() => {
    const [eager, recorded] = [valueAndGradients(given, groups), compiled()];
    expected.forEach((values, i) => {
      expect(distance(eager[i]!, values)).toBeLessThan(tolerance);
      expect(sameBits(recorded[i]!, eager[i]!)).toBe(true);
    });
    tf.dispose([eager, recorded]);
  });
  const { ops } = traceReport().find(({ name }) => name === "ownGroupNorm")!;
  if (onCpu)
    expect([ops.ControlNetGroupNorm, ops.ControlNetGroupNormGrad, ops.Sum]).toEqual([1, 1, undefined]);
  compiled.dispose();
  tf.dispose(Object.values(given));
});

test("the same numbers come out at every call", () => {
  const given = inputs([3, 48, 48, 96], 3);
  const first = valueAndGradients(given, 32);
  for (let i = 0; i < 50; i++)
    tf.tidy(() =>
      valueAndGradients(given, 32).forEach((t, k) => {
        expect(sameBits(t, first[k]!)).toBe(true);
      }),
    );
});

test("what nobody else holds is normalised in place, what is still used is not", () => {
  const given = inputs([2, 16, 16, 64]);
  const fn = jit((x: tf.Tensor) => {
    const held = tf.mul(x, 2);
    const again = tf.mul(x, 3) as tf.Tensor4D;
    const y = groupNorm(held as tf.Tensor4D, given, 8, 1e-5);
    return [tf.add(held, 0), y, groupNorm(again, given, 8, 1e-5)];
  });
  const [held, y, other] = fn(given.x) as [tf.Tensor, tf.Tensor, tf.Tensor];
  expectClose(held, tf.mul(given.x, 2), 1e-6);
  expectClose(y, groupNorm(tf.mul(given.x, 2), given, 8, 1e-5), 1e-6);
  expectClose(other, groupNorm(tf.mul(given.x, 3), given, 8, 1e-5), 1e-6);
  fn.dispose();
});

test("several recorded functions' worth of groups are normalised side by side", () => {
  const given = inputs([1, 64, 64, 64]);
  const fn = jit(
    (x: tf.Tensor4D) => [1, 2, 3, 4, 5, 6].map((k) => groupNorm(tf.mul(x, k), given, 32, 1e-5)),
    {
      order: "dataflow",
    },
  );
  const one = groupNorm(given.x, given, 32, 1e-5);
  for (const y of fn(given.x)) expectClose(y, one, 1e-4);
  fn.dispose();
});

test("values that are not finite stay in their group", () => {
  const given = inputs([2, 4, 4, 8]);
  const values = given.x.dataSync().slice();
  values[3] = Number.POSITIVE_INFINITY;
  const y = groupNorm(tf.tensor(values, given.x.shape) as tf.Tensor4D, given, 4, 1e-5).dataSync();
  for (let i = 0; i < y.length; i++) {
    const inGroup = i < 128 && (i % 8 === 2 || i % 8 === 3);
    expect(Number.isFinite(y[i])).toBe(!inGroup);
  }
});

test("no rows and no images have gradients too", () => {
  for (const shape of [
    [0, 4, 4, 8],
    [2, 0, 4, 8],
  ]) {
    const [y, dx, dScale, dBias] = valueAndGradients(inputs(shape), 4);
    expect([y!.shape, dx!.shape]).toEqual([shape, shape]);
    expect([...dScale!.dataSync(), ...dBias!.dataSync()]).toEqual(new Array(16).fill(0));
  }
});

test("XLA gets the composed form, and gradients of second order come from it", () => {
  const given = inputs([1, 4, 4, 8]);
  const fn = jit(() => valueAndGradients(given, 2), { xla: true });
  valueAndGradients(given, 2).forEach((t, i) => {
    expectClose(fn()[i]!, t, 1e-4);
  });
  fn.dispose();
  const norm = (x: tf.Tensor) => groupNorm(x as tf.Tensor4D, given, 2, 1e-5);
  const slopes = tf.grad((x) => tf.square(tf.grad((z) => tf.square(norm(z)))(x)))(given.x);
  expect(slopes.shape).toEqual(given.x.shape);
});

test("a scale that does not fit is refused with the op's name", () => {
  const { binding, backend } = requireEngine("test");
  const [x, scale] = backend.getInputTensorIds([tf.zeros([1, 2, 2, 6]), tf.zeros([5])]) as [number, number];
  const attributes = [
    { name: "groups", type: 1, value: 3 },
    { name: "epsilon", type: 2, value: 1e-5 },
  ];
  expect(() => binding.executeOp("ControlNetGroupNorm", attributes, [x, scale, scale], 3)).toThrowError(
    expect.objectContaining({ code: "shape", op: "ControlNetGroupNorm" }),
  );
});

test("the composed form is still there for other engines", () => {
  expect(composedKernel("GroupNorm")?.gradient).toBeDefined();
});
