import { attention, groupNorm, silu } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { engineReport, requireEngine } from "../engine.js";
import { registerTensorFlow } from "../register-tensorflow.js";
import { jit, recordedGraphs, traceReport } from "./jit.js";

beforeAll(async () => {
  await registerTensorFlow();
});

const ramp = (...shape: number[]): tf.Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(0.7 * i + 0.3)),
    shape,
  );
};
const nativeTensors = (): number => requireEngine("test").native.numberOfTensors();

interface Params {
  kernel: tf.Tensor4D;
  bias: tf.Tensor1D;
}
const makeParams = (): Params => ({ kernel: ramp(3, 3, 4, 4) as tf.Tensor4D, bias: ramp(4) as tf.Tensor1D });

function net({ kernel, bias }: Params, x: tf.Tensor4D): tf.Tensor4D {
  let h = x;
  for (let i = 0; i < 3; i++) h = tf.relu(tf.add(tf.conv2d(h, kernel, 1, "same"), bias) as tf.Tensor4D);
  return h;
}

test("gives the values of the eager run, from trees to trees", async () => {
  const params = makeParams();
  const x = ramp(2, 8, 8, 4) as tf.Tensor4D;
  await expectNoTensorLeak(() => {
    const fn = jit((p: Params, inputs: { x: tf.Tensor4D }, scale: number) => {
      const y = net(p, inputs.x);
      return { y: tf.mul(y, scale), parts: [tf.mean(y), tf.argMax(tf.reshape(y, [-1]))], scale };
    });
    const expected = tf.tidy(() => tf.mul(net(params, x), 2));
    for (let call = 0; call < 3; call++) {
      const result = fn(params, { x }, 2);
      expectClose(result.y, expected, 1e-6);
      expect(result.scale).toBe(2);
      expect(result.parts[1]!.dtype).toBe("int32");
      tf.dispose([result.y, result.parts]);
    }
    expected.dispose();
    fn.dispose();
  });
  tf.dispose([params.kernel, params.bias, x]);
});

test("records gradients taken inside", async () => {
  const params = makeParams();
  const x = ramp(1, 8, 8, 4) as tf.Tensor4D;
  const gradients = (kernel: tf.Tensor4D, bias: tf.Tensor1D) =>
    tf.grads(
      (k, b) => tf.mean(tf.square(net({ kernel: k as tf.Tensor4D, bias: b as tf.Tensor1D }, x))) as tf.Scalar,
    )([kernel, bias]);
  await expectNoTensorLeak(() => {
    const expected = tf.tidy(() => gradients(params.kernel, params.bias));
    const fn = jit(gradients, { name: "gradients" });
    const actual = fn(params.kernel, params.bias);
    actual.forEach((gradient, i) => {
      expectClose(gradient, expected[i]!, 1e-5);
    });
    tf.dispose([actual, expected]);
    expect(traceReport().find(({ name }) => name === "gradients")!.nodes).toBeGreaterThan(10);
    const [graph] = recordedGraphs(fn);
    expect(graph!.functionDef.length).toBeGreaterThan(1000);
    fn.dispose();
  });
  tf.dispose([params.kernel, params.bias, x]);
});

test("a portable function is recorded in TensorFlow's own ops, with the same result", () => {
  const x = tf.randomNormal([2, 4, 4, 8], 0, 1, "float32", 1) as tf.Tensor4D;
  const norm = { scale: tf.ones([8]), bias: tf.zeros([8]) };
  const block = (t: tf.Tensor4D) => {
    const h = tf.reshape(silu(groupNorm(t, norm, 4, 1e-5)), [2, 16, 8]) as tf.Tensor3D;
    return tf.grad((z) => attention(z as tf.Tensor3D, h, h))(h);
  };
  const own = jit(block);
  const portable = jit(block, { portable: true });
  expectClose(portable(x), own(x), 1e-5);
  const [holdsOwnOps, holdsNone] = [own, portable].map((fn) =>
    Buffer.from(recordedGraphs(fn)[0]!.functionDef).includes("ControlNet"),
  );
  expect(holdsNone).toBe(false);
  if (engineReport()!.device === "cpu") expect(holdsOwnOps).toBe(true);
});

test("a gradient taken around a compiled function is right", () => {
  const fn = jit((x: tf.Tensor) => tf.square(x));
  const x = ramp(5);
  const gradient = tf.grad((v) => tf.sum(fn(v)))(x);
  expectClose(gradient, tf.mul(x, 2), 1e-6);
  fn.dispose();
});

test("a compiled function inside another becomes part of it", () => {
  const inner = jit((x: tf.Tensor) => tf.add(x, 1), { name: "inner" });
  const outer = jit((x: tf.Tensor) => tf.mul(inner(x), 3), { name: "outer" });
  expectClose(outer(tf.tensor1d([1, 2])), [6, 9]);
  expect(traceReport().some(({ name }) => name === "inner")).toBe(false);
  outer.dispose();
});

test("records again for new shapes, dtypes and plain values, and only then", () => {
  let recordings = 0;
  const fn = jit((x: tf.Tensor, k: number) => {
    recordings++;
    return tf.mul(x, k);
  });
  expectClose(fn(tf.tensor1d([1, 2]), 2), [2, 4]);
  expectClose(fn(tf.tensor1d([3, 4]), 2), [6, 8]);
  expect(recordings).toBe(1);
  expectClose(fn(tf.tensor1d([3, 4]), 3), [9, 12]);
  expectClose(fn(tf.tensor1d([3, 4, 5]), 3), [9, 12, 15]);
  expectClose(fn(tf.tensor1d([3, 4, 5], "int32"), 3), [9, 12, 15]);
  expect(recordings).toBe(4);
  fn.dispose();
});

test("tensors closed over are inputs, not constants", () => {
  const v = tf.variable(tf.tensor1d([1, 2]));
  const big = ramp(100, 100);
  const fn = jit((x: tf.Tensor) => tf.add(tf.mul(x, v), tf.mean(big)), { name: "closure" });
  const mean = tf.tidy(() => tf.mean(big).dataSync()[0]!);
  expectClose(fn(tf.tensor1d([1, 1])), [1 + mean, 2 + mean], 1e-5);
  expect(traceReport().find(({ name }) => name === "closure")!.capturedBytes).toBe(40008);
  v.assign(tf.tensor1d([5, 6]));
  expectClose(fn(tf.tensor1d([1, 1])), [5 + mean, 6 + mean], 1e-5);
  big.dispose();
  expect(() => fn(tf.tensor1d([1, 1]))).toThrow(/closes over was disposed/);
  fn.dispose();
});

test("large host-made arrays become fills or owned inputs that are freed", () => {
  const before = nativeTensors();
  const fn = jit((x: tf.Tensor) => tf.add(tf.add(x, tf.zeros([200, 200])), ramp(200, 200)), { name: "host" });
  const expected = ramp(200, 200);
  const y = tf.tidy(() => fn(tf.zeros([1, 1])));
  expectClose(y, expected, 1e-6);
  expect(traceReport().find(({ name }) => name === "host")!.ops.Fill).toBe(1);
  fn.dispose();
  tf.dispose([y, expected]);
  expect(nativeTensors()).toBe(before);
});

test("what would be baked in is an error that names the op", async () => {
  const x = tf.tensor1d([1, 2, 3]);
  const native = nativeTensors();
  await expectNoTensorLeak(() => {
    expect(() => jit((t: tf.Tensor) => tf.scalar(tf.exp(t).dataSync()[0]!))(x)).toThrow(/result of Exp/);
    expect(() => jit((t: tf.Tensor) => tf.add(t, x.dataSync()[0]!))(x)).toThrow(/tensor from outside/);
    expect(() => jit((t: tf.Tensor) => tf.add(t, tf.randomUniform([3])))(x)).toThrow(/random numbers/);
    expect(() => jit((t: tf.Tensor) => tf.dropout(t, 0.5))(x)).toThrow(/random numbers/);
    expect(() => jit((t: tf.Tensor) => t, { donat: [0] } as object)).toThrow(/did you mean "donate"/);
    expect(() => jit((t: unknown) => t)(new Date())).toThrow(/Date/);
    expect(() => jit(async (t: tf.Tensor) => t)(x)).toThrow(/asynchronous/);
    expect(() => jit((t: tf.Tensor) => tf.matMul(t as tf.Tensor2D, t as tf.Tensor2D))(x)).toThrow();
  });
  expect(nativeTensors()).toBe(native);
  expect(Math.random()).toBeLessThan(1);
  expectClose(tf.add(x, 1), [2, 3, 4]);
});

test("an error thrown inside leaks nothing, even under a gradient tape", async () => {
  const x = ramp(64, 64);
  x.dataSync();
  tf.dispose(tf.neg(x));
  const native = nativeTensors();
  const fn = jit((t: tf.Tensor) => {
    tf.grad((v) => {
      tf.add(tf.exp(v), ramp(64, 64));
      throw new Error("boom");
    })(t);
    return t;
  });
  await expectNoTensorLeak(() => {
    for (let i = 0; i < 3; i++) expect(() => fn(x)).toThrow("boom");
  });
  expect(nativeTensors()).toBe(native);
  x.dispose();
});

test("a tensor smuggled out of a recording is refused", () => {
  let smuggled: tf.Tensor | undefined;
  const fn = jit((x: tf.Tensor) => {
    smuggled = tf.keep(tf.exp(x));
    return x;
  });
  tf.dispose(fn(tf.tensor1d([1])));
  expect(() => smuggled!.dataSync()).toThrow(/recording/);
  expect(() => tf.add(smuggled!, 1)).toThrow(/recording/);
  smuggled!.dispose();
  fn.dispose();
});

test("10,000 calls over 50 shapes stay within the cache bound", () => {
  const fn = jit((x: tf.Tensor) => tf.mul(tf.add(x, 1), 2), { cacheSize: 8, name: "shapes" });
  const inputs = Array.from({ length: 50 }, (_, i) => tf.ones([i + 1]));
  const start = nativeTensors();
  const tensors = tf.memory().numTensors;
  // Runs of the same shape, so that the test measures the bound rather than the recording.
  for (let i = 0; i < 10_000; i++) fn(inputs[Math.floor(i / 40) % 50]!).dispose();
  expect(traceReport().filter(({ name }) => name === "shapes")).toHaveLength(8);
  expect(tf.memory().numTensors).toBe(tensors);
  expect(nativeTensors()).toBeLessThanOrEqual(start + 50);
  fn.dispose();
  tf.dispose(inputs);
});

test("runs under XLA with the same result", () => {
  const fn = jit((x: tf.Tensor) => tf.sum(tf.exp(tf.mul(x, 2))), { xla: true });
  const x = ramp(50);
  expectClose(fn(x), tf.sum(tf.exp(tf.mul(x, 2))), 1e-5);
  fn.dispose();
});
