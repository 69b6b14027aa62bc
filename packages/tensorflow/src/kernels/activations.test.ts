import { geglu, gelu, quickGelu, silu } from "@controlnet-js/core";
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

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** The normal distribution function: Simpson's rule over the density, from the side where nothing cancels. */
const cdf = memoised((x: number): number => {
  if (x > 0) return 1 - cdf(-x);
  const steps = 400;
  const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  const width = 12 / steps;
  let sum = density(x) + density(x - 12);
  for (let i = 1; i < steps; i++) sum += density(x - i * width) * (i % 2 === 1 ? 4 : 2);
  return (sum * width) / 3;
});

function memoised(fn: (x: number) => number): (x: number) => number {
  const known = new Map<number, number>();
  return (x) => {
    const value = known.get(x) ?? fn(x);
    known.set(x, value);
    return value;
  };
}

type Activation = (x: tf.Tensor) => tf.Tensor;
const definitions: [name: string, fn: Activation, value: (x: number) => number][] = [
  ["SiLU", silu, (x) => x * sigmoid(x)],
  ["GELU", gelu, (x) => x * cdf(x)],
  ["QuickGELU", quickGelu, (x) => x * sigmoid(1.702 * x)],
];

/** -20 to 20 in steps of 1/32, and a few that need their own care. */
const points = [
  ...Array.from({ length: 1281 }, (_, i) => i / 32 - 20),
  0,
  -0,
  1e-20,
  -1e-20,
  60,
  -60,
  90,
  -90,
];

const slope = (fn: (x: number) => number, x: number): number => (fn(x + 1e-4) - fn(x - 1e-4)) / 2e-4;

test.each(definitions)("%s and its gradient are the definition", async (name, fn, value) => {
  const x = tf.tensor1d(points);
  const upstream = tf.tensor1d(points.map((_, i) => (i % 7) - 3));
  const both = () => [fn(x), tf.grad(fn)(x, upstream)];
  const compiled = jit(both, { name: `own${name}` });
  await expectNoTensorLeak(() => {
    const [eager, recorded] = [both(), compiled()];
    const [y, dx] = eager.map((t) => t.dataSync()) as [Float32Array, Float32Array];
    const given = x.dataSync();
    given.forEach((at, i) => {
      expect(Math.abs(y[i]! - value(at))).toBeLessThan(4e-7 * Math.max(Math.abs(at), 1e-3));
      expect(Math.abs(dx[i]! - ((i % 7) - 3) * slope(value, at))).toBeLessThan(5e-6);
    });
    eager.forEach((t, i) => {
      expect(sameBits(recorded[i]!, t)).toBe(true);
    });
    tf.dispose([eager, recorded]);
  });
  const { ops } = traceReport().find((trace) => trace.name === `own${name}`)!;
  // The gradient's own forward pass is recorded as well.
  if (onCpu) expect([ops[`ControlNet${name}`], ops[`ControlNet${name}Grad`]]).toEqual([2, 1]);
  compiled.dispose();
});

test.each([[[3, 10]], [[2, 5, 7, 64]], [[9000, 6]], [[1, 40000]]])(
  "GEGLU of %j is value * gelu(gate)",
  async (shape) => {
    const x = tf.randomNormal(shape, 0, 3, "float32", 1);
    const upstream = tf.randomNormal([...shape.slice(0, -1), shape.at(-1)! / 2], 0, 1, "float32", 2);
    const [value, gate] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
    const compiled = jit(() => [geglu(x), tf.grad((z) => geglu(z))(x, upstream)], { name: "ownGEGLU" });
    await expectNoTensorLeak(() => {
      const [y, dx] = compiled() as [tf.Tensor, tf.Tensor];
      expect(y.shape).toEqual(upstream.shape);
      const parts = tf.grads((a, b) => tf.mul(a, gelu(b)))([value, gate], upstream);
      tf.tidy(() => {
        expect(distance(y, tf.mul(value, gelu(gate)).dataSync())).toBeLessThan(1e-6);
        expect(distance(dx, tf.concat(parts, -1).dataSync())).toBeLessThan(1e-6);
      });
      tf.dispose([y, dx, parts]);
    });
    if (onCpu) expect(traceReport().find(({ name }) => name === "ownGEGLU")!.ops.ControlNetGEGLUGrad).toBe(1);
    compiled.dispose();
  },
);

test("what is not finite stays where it is, and what is still used is not overwritten", () => {
  const x = tf.tensor1d([1, Number.NaN, 2, Number.POSITIVE_INFINITY, 3]);
  for (const fn of [silu, gelu, quickGelu])
    expect([...(fn(x).dataSync() as Float32Array)].map(Number.isFinite)).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  const fn = jit((t: tf.Tensor) => {
    const held = tf.mul(t, 2);
    return [tf.add(silu(held), 0), tf.add(held, 0), silu(tf.mul(t, 2))];
  });
  const [first, held, second] = fn(tf.tensor1d([1, -1, 0.5])) as [tf.Tensor, tf.Tensor, tf.Tensor];
  expect([...held.dataSync()]).toEqual([2, -2, 1]);
  expect(sameBits(first, second)).toBe(true);
  fn.dispose();
});

test("no elements are fine", () => {
  const x = tf.zeros([0, 4]);
  for (const fn of [silu, gelu, quickGelu]) expect(fn(x).shape).toEqual([0, 4]);
  expect([geglu(x).shape, tf.grad((z) => geglu(z))(x).shape]).toEqual([
    [0, 2],
    [0, 4],
  ]);
});

test("an odd number of features is refused with the op's name", () => {
  const { binding, backend } = requireEngine("test");
  const ids = backend.getInputTensorIds([tf.zeros([2, 5])]);
  expect(() => binding.executeOp("ControlNetGEGLU", [], ids, 1)).toThrowError(
    expect.objectContaining({ code: "shape", op: "ControlNetGEGLU" }),
  );
});
