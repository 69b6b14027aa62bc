import { jit } from "@controlnet-js/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { memoryReport } from "./memory.js";
import { registerTensorFlow } from "./register-tensorflow.js";

beforeAll(async () => {
  await registerTensorFlow();
});

const onCpu = () => memoryReport().devices.find(({ type }) => type === "CPU")!;

test("a device's tensors are counted with their bytes", () => {
  const before = onCpu();
  const x = tf.tidy(() => tf.neg(tf.range(0, 1000)));
  const y = tf.tidy(() => tf.cast(x, "bool"));
  expect(onCpu().tensors).toBe(before.tensors + 2);
  expect(onCpu().tensorBytes).toBe(before.tensorBytes + 4000 + 1000);
  tf.dispose([x, y]);
  expect(onCpu()).toEqual(before);
});

test("what lives in variables counts as well", () => {
  const before = onCpu();
  const fn = jit((x: tf.Tensor) => tf.mul(x, 2), { donate: [0] });
  const y = fn(tf.range(0, 500));
  expect(memoryReport().variables).toBe(1);
  expect(onCpu().tensorBytes - before.tensorBytes).toBe(2000);
  y.dispose();
  fn.dispose();
  expect(onCpu().tensorBytes).toBe(before.tensorBytes);
});

test("resident memory is at most its peak", () => {
  const { residentBytes, peakResidentBytes } = memoryReport();
  expect(residentBytes).toBeGreaterThan(10 * 2 ** 20);
  expect(peakResidentBytes).toBeGreaterThanOrEqual(residentBytes);
});
