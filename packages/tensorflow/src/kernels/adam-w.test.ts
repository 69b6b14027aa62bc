import { adamWUpdate, jit } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { requireEngine } from "../engine.js";
import { traceReport } from "../jit/jit.js";
import { registerTensorFlow } from "../register-tensorflow.js";

beforeAll(async () => {
  await registerTensorFlow();
});

interface State {
  p: tf.Tensor;
  m: tf.Tensor;
  v: tf.Tensor;
  ema: tf.Tensor;
}
const fresh = (): State => ({
  p: tf.linspace(-1, 1, 7),
  m: tf.zeros([7]),
  v: tf.zeros([7]),
  ema: tf.zeros([7]),
});

function step({ p, m, v, ema }: State, rate: tf.Tensor, updates: number): State {
  const [epsilon, decay] = [tf.scalar(1e-8), tf.scalar(0.99)];
  let next: [tf.Tensor, tf.Tensor, tf.Tensor] = [p, m, v];
  for (let i = 0; i < updates; i++) {
    const gradient = tf.grad((w) => tf.sum(tf.square(tf.sub(w, 0.3))))(next[0]);
    const [parameter, firstMoment, secondMoment] = next;
    next = adamWUpdate(
      { parameter, firstMoment, secondMoment, gradient, rate, epsilon, decay },
      { beta1: 0.9, beta2: 0.999 },
    );
  }
  return { p: next[0], m: next[1], v: next[2], ema: tf.add(tf.mul(ema, 0.9), tf.mul(next[0], 0.1)) };
}

for (const updates of [1, 2])
  test(`${updates} update(s) a call, in place, equal the composed one`, async () => {
    const rate = tf.scalar(0.05);
    await expectNoTensorLeak(() => {
      const fn = jit(step, { donate: [0], name: `adamw${updates}` });
      let state = fresh();
      let eager = fresh();
      for (let i = 0; i < 4; i++) {
        state = fn(state, rate, updates);
        const next = tf.tidy(
          () => step(eager, rate, updates) as unknown as tf.TensorContainerObject,
        ) as unknown as State;
        tf.dispose(Object.values(eager));
        eager = next;
        for (const key of ["p", "m", "v", "ema"] as const) expectClose(state[key], eager[key], 1e-5);
      }
      const report = traceReport().find(({ name }) => name === `adamw${updates}`)!;
      expect(report.ops.ResourceApplyAdam).toBe(updates);
      expect(requireEngine("test").variables.size).toBe(4);
      tf.dispose([Object.values(state), Object.values(eager)]);
      fn.dispose();
    });
    expect(requireEngine("test").variables.size).toBe(0);
  });

test("300 steps leave tensors and memory flat", () => {
  const rate = tf.scalar(0.01);
  const fn = jit(step, { donate: [0] });
  let state = fresh();
  const { native } = requireEngine("test");
  let tensors = 0;
  let resident = 0;
  for (let i = 0; i < 300; i++) {
    state = fn(state, rate, 1);
    if (i !== 100) continue;
    tensors = tf.memory().numTensors + native.numberOfTensors();
    resident = process.memoryUsage.rss();
  }
  expect(tf.memory().numTensors + native.numberOfTensors()).toBe(tensors);
  expect((process.memoryUsage.rss() - resident) / 2 ** 20).toBeLessThan(20);
  tf.dispose([Object.values(state), rate]);
  fn.dispose();
});
