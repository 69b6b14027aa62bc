import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { requireEngine } from "./engine.js";
import { engineReport, registerTensorFlow, TensorFlowError } from "./index.js";

beforeAll(async () => {
  await registerTensorFlow();
});

test("reports what it opened", () => {
  expect(tf.getBackend()).toBe("tensorflow");
  expect(engineReport()?.version).toMatch(/^2\./);
  expect(engineReport()?.devices.some(({ type }) => type === "CPU")).toBe(true);
});

test("a device that it is not open on is refused", async () => {
  const other = engineReport()?.device === "cpu" ? "gpu" : "cpu";
  await expect(registerTensorFlow({ device: other })).rejects.toMatchObject({
    code: "state",
    message: expect.stringContaining("name the device at the first call"),
  });
  expect((await registerTensorFlow({ device: engineReport()!.device })).version).toBe(
    engineReport()!.version,
  );
});

test("trains a small convolutional net without leaking", async () => {
  await expectNoTensorLeak(() => {
    const x = tf.tidy(() => tf.div(tf.reshape(tf.range(0, 384), [2, 8, 8, 3]), 384) as tf.Tensor4D);
    const [kernel, bias] = tf.tidy(() => [
      tf.variable(tf.reshape(tf.sin(tf.range(0, 108)), [3, 3, 3, 4]) as tf.Tensor4D),
      tf.variable(tf.zeros([4])),
    ]);
    const loss = () =>
      tf.mean(tf.square(tf.sub(tf.relu(tf.add(tf.conv2d(x, kernel, 1, "same"), bias)), 1))) as tf.Scalar;
    const optimizer = tf.train.sgd(0.05);
    const first = tf.tidy(() => loss().dataSync()[0]!);
    for (let step = 0; step < 20; step++) optimizer.minimize(loss);
    const last = tf.tidy(() => loss().dataSync()[0]!);
    expect(last).toBeLessThan(first);
    optimizer.dispose();
    tf.dispose([x, kernel, bias]);
  });
});

test("native tensors are freed with their tfjs tensors", () => {
  const { native } = requireEngine("test");
  const before = native.numberOfTensors();
  tf.tidy(() => tf.sum(tf.ones([64, 64, 4])).dataSync());
  expect(native.numberOfTensors()).toBe(before);
});

test("a failing op is a typed error that names the op and its shapes", () => {
  const { binding } = requireEngine("test");
  const a = binding.createTensor([2, 3], 1, new Float32Array(6));
  try {
    expect(() => binding.executeOp("MatMul", [], [a, a], 1)).toThrow(TensorFlowError);
    expect(() => binding.executeOp("MatMul", [], [a, a], 1)).toThrow(
      /MatMul\(float32\[2, 3\], float32\[2, 3\]\)/,
    );
    expect(() => binding.executeOp("NoSuchOp", [], [], 1)).toThrow(/NoSuchOp/);
    expect(() =>
      binding.executeOp("MatMul", [{ name: "nonsense", type: 3, value: true }], [a, a], 1),
    ).toThrow(TensorFlowError);
  } finally {
    binding.deleteTensor(a);
  }
  expect(tf.tidy(() => tf.add(1, 1).dataSync()[0])).toBe(2);
});
