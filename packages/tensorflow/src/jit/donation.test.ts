import { expectClose, expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { requireEngine } from "../engine.js";
import { registerTensorFlow } from "../register-tensorflow.js";
import { jit } from "./jit.js";

beforeAll(async () => {
  await registerTensorFlow();
});

const step = ({ w }: { w: tf.Tensor }, x: tf.Tensor) => {
  const { value, grad } = tf.valueAndGrad((v: tf.Tensor) => tf.mean(tf.square(tf.sub(v, x))))(w);
  return { params: { w: tf.sub(w, tf.mul(grad, 0.5)) }, loss: value };
};

test("a donated tree is updated in place and trains as the eager one does", async () => {
  const x = tf.linspace(0, 1, 6);
  await expectNoTensorLeak(() => {
    const fn = jit(step, { donate: [0] });
    let params = { w: tf.zeros([6]) as tf.Tensor };
    let eager = { w: tf.zeros([6]) as tf.Tensor };
    for (let i = 0; i < 5; i++) {
      const given = params.w;
      const result = fn(params, x);
      expect(given.isDisposed).toBe(true);
      params = result.params;
      const expected = tf.tidy(() => step(eager, x));
      eager.w.dispose();
      eager = expected.params;
      expectClose(params.w, eager.w, 1e-6);
      expectClose(result.loss, expected.loss, 1e-6);
      tf.dispose([result.loss, expected.loss]);
    }
    expect(requireEngine("test").variables.size).toBe(1);
    tf.tidy(() => expectClose(tf.add(params.w, 1), tf.add(eager.w, 1), 1e-6));
    tf.dispose([params.w, eager.w]);
    fn.dispose();
  });
  expect(requireEngine("test").variables.size).toBe(0);
  x.dispose();
});

test("a clone of a donated tensor keeps its values", () => {
  const fn = jit((w: tf.Tensor) => tf.add(w, 1), { donate: [0] });
  const first = tf.tensor1d([1, 2]);
  const copy = tf.clone(first);
  const second = fn(first) as tf.Tensor;
  const copyOfSecond = tf.clone(second);
  const third = fn(second) as tf.Tensor;
  expectClose(copy, [1, 2]);
  expectClose(copyOfSecond, [2, 3]);
  expectClose(third, [3, 4]);
  tf.dispose([copy, copyOfSecond, third]);
  fn.dispose();
  expect(requireEngine("test").variables.size).toBe(0);
});

test("old values may be returned beside new ones, and unreturned donations are freed", () => {
  const fn = jit(
    (w: tf.Tensor, unused: tf.Tensor) => ({ fresh: tf.add(w, 1), twice: tf.mul(w, 2), n: tf.sum(unused) }),
    {
      donate: [0, 1],
    },
  );
  const { fresh, twice, n } = fn(tf.tensor1d([1, 2]), tf.ones([3]));
  expectClose(fresh, [2, 3]);
  expectClose(twice, [2, 4]);
  expectClose(n, [3]);
  tf.dispose([fresh, twice, n]);
  fn.dispose();
  expect(requireEngine("test").variables.size).toBe(0);
});

test("the same tensor cannot be donated twice", () => {
  const w = tf.ones([2]);
  const fn = jit((a: tf.Tensor, b: tf.Tensor) => tf.add(a, b), { donate: [0, 1] });
  expect(() => fn(w, w)).toThrow(/donate it once/);
  w.dispose();
});

test("arguments survive a failing call", () => {
  const fn = jit((w: tf.Tensor, i: tf.Tensor) => tf.gather(w, i as tf.Tensor1D), { donate: [0] });
  const w = tf.tensor1d([1, 2]);
  expect(() => fn(w, tf.tensor1d([7, 0], "int32"))).toThrow(/jit.*7/s);
  expectClose(w, [1, 2]);
  const ok = fn(w, tf.tensor1d([1, 0], "int32"));
  expectClose(ok, [2, 1]);
  fn.dispose();
});

test("a failing call leaves no variable behind, of a tensor that has a clone either", () => {
  const { variables } = requireEngine("test");
  const before = variables.size;
  const fn = jit((w: tf.Tensor, i: tf.Tensor) => tf.gather(w, i as tf.Tensor1D), { donate: [0] });
  const outside = tf.tensor1d([7, 0], "int32");
  const w = tf.tensor1d([1, 2]);
  const copy = tf.clone(w);
  expect(() => fn(w, outside)).toThrow(/jit.*7/s);
  expect(variables.size).toBe(before);
  expectClose(w, [1, 2]);
  expectClose(copy, [1, 2]);
  tf.dispose([w, copy, outside]);
  fn.dispose();
});
