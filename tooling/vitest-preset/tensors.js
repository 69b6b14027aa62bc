import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";

export async function useCpuBackend() {
  // The whole of tfjs: it brings the gradients of the built-in ops, which tfjs-core alone lacks, and this backend.
  await import("@tensorflow/tfjs");
  await tf.setBackend("cpu");
}

export async function expectNoTensorLeak(body) {
  const before = tf.memory().numTensors;
  await body();
  expect(tf.memory().numTensors - before, "tensors leaked").toBe(0);
}

const valuesOf = (x) => (x instanceof tf.Tensor ? x.dataSync() : x);

export function expectClose(actual, expected, tolerance = 1e-5) {
  if (actual instanceof tf.Tensor && expected instanceof tf.Tensor)
    expect(actual.shape).toEqual(expected.shape);
  const a = valuesOf(actual);
  const e = valuesOf(expected);
  expect(a.length).toBe(e.length);
  let scale = 1;
  for (let i = 0; i < e.length; i++) scale = Math.max(scale, Math.abs(e[i]));
  let worst = 0;
  let at = 0;
  for (let i = 0; i < e.length; i++) {
    const difference = Math.abs(a[i] - e[i]);
    if (difference <= worst) continue;
    worst = difference;
    at = i;
    // NaN is further off than anything, and no comparison would find so afterwards.
    if (Number.isNaN(worst)) break;
  }
  expect(
    worst <= tolerance * scale,
    `element ${at}: got ${a[at]}, expected ${e[at]} (tolerance ${tolerance * scale})`,
  ).toBe(true);
}

export function expectGradients(f, inputs, { step = 1e-2, tolerance = 2e-2 } = {}) {
  tf.tidy(() => {
    const output = f(...inputs);
    const weights = tf.tensor(
      Float32Array.from({ length: output.size }, (_, i) => Math.sin(1.3 * i + 0.7)),
      output.shape,
    );
    const objective = (...xs) => tf.sum(tf.mul(f(...xs), weights));
    const gradients = tf.grads(objective)(inputs);
    inputs.forEach((input, which) => {
      const base = Float32Array.from(input.dataSync());
      const numeric = Float32Array.from(base, (_, i) => {
        const at = (delta) =>
          tf.tidy(() => {
            const moved = base.slice();
            moved[i] += delta;
            return objective(
              ...inputs.map((x, j) => (j === which ? tf.tensor(moved, input.shape) : x)),
            ).dataSync()[0];
          });
        return (at(step) - at(-step)) / (2 * step);
      });
      expect(gradients[which].shape).toEqual(input.shape);
      expectClose(gradients[which], numeric, tolerance);
    });
  });
}
