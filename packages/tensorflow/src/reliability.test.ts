// What must hold over hours. CONTROLNET_SLOW=1 runs the full lengths; otherwise a short form of each.
import { adamWUpdate, jit } from "@controlnet-js/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { ATTR, DT } from "./dtypes.js";
import { requireEngine } from "./engine.js";
import { TensorFlowError } from "./errors.js";
import { jit as jitHere, traceReport } from "./jit/jit.js";
import { memoryReport } from "./memory.js";
import { registerTensorFlow } from "./register-tensorflow.js";

const slow = process.env.CONTROLNET_SLOW === "1";

beforeAll(async () => {
  await registerTensorFlow();
});

interface Net {
  kernels: tf.Tensor4D[];
  first: tf.Tensor4D[];
  second: tf.Tensor4D[];
}

const createNet = (): Net => {
  const kernel = (inputs: number, outputs: number) =>
    tf.tidy(() => {
      const ramp = tf.sin(tf.range(0, 9 * inputs * outputs));
      return tf.mul(tf.reshape(ramp, [3, 3, inputs, outputs]), 0.1) as tf.Tensor4D;
    });
  const shapes = [
    [3, 16],
    [16, 16],
    [16, 3],
  ] as const;
  const make = (scale: number) =>
    shapes.map(([inputs, outputs]) => tf.tidy(() => tf.mul(kernel(inputs, outputs), scale) as tf.Tensor4D));
  return tf.tidy(() => ({ kernels: make(1), first: make(0), second: make(0) }));
};

/** One AdamW step of a small convolutional net that learns to give its input back. */
function trainStep({ kernels, first, second }: Net, x: tf.Tensor4D): { net: Net; loss: tf.Scalar } {
  const loss = (...weights: tf.Tensor4D[]) => {
    const y = weights.reduce((h, kernel) => tf.relu(tf.conv2d(h, kernel, 1, "same")), x);
    return tf.mean(tf.squaredDifference(y, x)) as tf.Scalar;
  };
  const { value, grads } = tf.valueAndGrads(loss as (...w: tf.Tensor[]) => tf.Scalar)(kernels);
  const [rate, epsilon, decay] = [tf.scalar(1e-3), tf.scalar(1e-8), tf.scalar(1)];
  const updated = kernels.map((parameter, i) =>
    adamWUpdate(
      {
        parameter,
        firstMoment: first[i]!,
        secondMoment: second[i]!,
        gradient: grads[i]!,
        rate,
        epsilon,
        decay,
      },
      { beta1: 0.9, beta2: 0.999 },
    ),
  );
  const pick = (at: 0 | 1 | 2) => updated.map((outputs) => outputs[at] as tf.Tensor4D);
  return { net: { kernels: pick(0), first: pick(1), second: pick(2) }, loss: value as tf.Scalar };
}

/** Slope of the least-squares line through samples taken at equal distances. */
function slope(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((a, b) => a + b, 0) / samples.length;
  let above = 0;
  let below = 0;
  samples.forEach((sample, i) => {
    above += (i - middle) * (sample - mean);
    below += (i - middle) ** 2;
  });
  return above / below;
}

const steps = slow ? 1000 : 150;

test(`${steps} training steps: tensors and resident memory stay flat`, { timeout: 600_000 }, () => {
  const step = jit(trainStep, { donate: [0], name: "reliability" });
  const x = tf.tidy(() => tf.reshape(tf.cos(tf.range(0, 2 * 16 * 16 * 3)), [2, 16, 16, 3]) as tf.Tensor4D);
  let net = createNet();
  const losses: number[] = [];
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const result = step(net, x);
      net = result.net;
      losses.push(result.loss.dataSync()[0]!);
      result.loss.dispose();
    }
  };
  // The first steps record the function and fill TensorFlow's and V8's pools.
  run(slow ? 1500 : 50);
  const before = memoryReport();
  const resident: number[] = [];
  for (let done = 0; done < steps; done += 10) {
    run(10);
    const { tensors, nativeTensors, variables, residentBytes } = memoryReport();
    expect({ tensors, nativeTensors, variables }).toEqual({
      tensors: before.tensors,
      nativeTensors: before.nativeTensors,
      variables: before.variables,
    });
    resident.push(residentBytes);
  }
  const growth = (10 * slope(resident)) / 2 ** 20;
  process.stdout.write(`resident memory: ${growth.toFixed(3)} MiB per 100 steps over ${steps} steps\n`);
  expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  if (slow) expect(growth).toBeLessThan(1);
  step.dispose();
  tf.dispose([net.kernels, net.first, net.second, x]);
});

const calls = slow ? 10_000 : 150;

test(`${calls} calls that meet 50 shapes in turn stay within the cache bound`, { timeout: 600_000 }, () => {
  const fn = jitHere((x: tf.Tensor) => tf.mul(tf.add(x, 1), 2), { name: "turns" });
  const inputs = Array.from({ length: 50 }, (_, i) => tf.ones([i + 1]));
  for (const input of inputs) tf.dispose(tf.neg(input));
  const before = memoryReport();
  const resident: number[] = [];
  for (let i = 0; i < calls; i++) {
    const input = inputs[(i * 7) % 50]!;
    const y = fn(input);
    if (i % 100 === 0) {
      expect(y.dataSync()[0]).toBe(4);
      expect(traceReport().filter(({ name }) => name === "turns").length).toBeLessThanOrEqual(16);
      resident.push(memoryReport().residentBytes);
    }
    y.dispose();
  }
  expect(memoryReport().nativeTensors).toBe(before.nativeTensors);
  expect(memoryReport().tensors).toBe(before.tensors);
  if (slow) {
    const growth = slope(resident.slice(10)) / 2 ** 20;
    process.stdout.write(`resident memory: ${growth.toFixed(3)} MiB per 100 recordings over ${calls}\n`);
    expect(growth).toBeLessThan(1);
  }
  fn.dispose();
  tf.dispose(inputs);
});

test("a function that throws a hundred times leaves nothing", () => {
  const x = tf.ones([32, 32]);
  tf.dispose(tf.neg(x));
  const before = memoryReport();
  const fn = jitHere((v: tf.Tensor) => {
    tf.grad((w) => tf.sum(tf.exp(tf.add(w, tf.range(0, 32)))))(v);
    throw new Error("boom");
  });
  for (let i = 0; i < 100; i++) expect(() => fn(x)).toThrow("boom");
  const after = memoryReport();
  expect(after.tensors).toBe(before.tensors);
  expect(after.nativeTensors).toBe(before.nativeTensors);
  fn.dispose();
  x.dispose();
});

test("what cannot be done is a typed error, and the engine goes on", () => {
  const { binding, native } = requireEngine("test");
  const before = native.numberOfTensors();
  const floats = binding.createTensor([2, 2], DT.float32, new Float32Array(4));
  const ints = binding.createTensor([2, 2], DT.int32, new Int32Array(4));
  const huge = binding.createTensor([3], DT.int32, Int32Array.of(1 << 20, 1 << 20, 4));
  const one = binding.createTensor([], DT.float32, Float32Array.of(1));
  const transpose = (value: unknown, type: number = ATTR.bool) => [{ name: "transpose_a", type, value }];
  const failures: [string, RegExp, () => unknown][] = [
    ["a wrong dtype", /MatMul/, () => binding.executeOp("MatMul", [], [floats, ints], 1)],
    [
      "an attribute of the wrong kind",
      /MatMul/,
      () => binding.executeOp("MatMul", transpose(1, ATTR.int), [floats, floats], 1),
    ],
    [
      "an unknown kind of attribute",
      /unknown kind/,
      () => binding.executeOp("MatMul", transpose(1, 99), [floats, floats], 1),
    ],
    ["a missing input", /MatMul/, () => binding.executeOp("MatMul", [], [floats], 1)],
    ["16 TiB", /OOM|allocat/i, () => binding.executeOp("Fill", [], [huge, one], 1)],
    [
      "a size that overflows",
      /too large/,
      () => binding.createTensor([2 ** 40, 2 ** 40], DT.float32, new Float32Array(0)),
    ],
    ["a negative size", /negative/, () => binding.createTensor([-1, -1], DT.float32, Float32Array.of(1))],
    ["too few values", /bytes/, () => binding.createTensor([3], DT.float32, new Float32Array(2))],
    ["a tensor that is gone", /disposed/, () => binding.executeOp("Neg", [], [987_654], 1)],
  ];
  for (const [what, message, fail] of failures) {
    let error: unknown;
    try {
      fail();
    } catch (thrown) {
      error = thrown;
    }
    expect(error, what).toBeInstanceOf(TensorFlowError);
    expect((error as Error).message, what).toMatch(message);
  }
  for (const id of [floats, ints, huge, one]) binding.deleteTensor(id);
  expect(native.numberOfTensors()).toBe(before);
  expect(tf.tidy(() => tf.add(1, 1).dataSync()[0])).toBe(2);
});
