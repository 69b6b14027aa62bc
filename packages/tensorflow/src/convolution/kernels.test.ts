import { expectClose } from "@controlnet-js/vitest-preset/tensors";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { jit } from "../jit/jit.js";
import { registerTensorFlow } from "../register-tensorflow.js";
import { convolutionChoices, setConvolutionChoices } from "./choices.js";

beforeAll(async () => {
  await registerTensorFlow();
});

const ramp = (...shape: number[]): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(0.7 * i + 0.3));

function valueAndGradients(
  stride: number,
  pad: "same" | "valid" | [[0, 0], [number, number], [number, number], [0, 0]],
) {
  const x = tf.tensor4d(ramp(2, 6, 5, 3), [2, 6, 5, 3]);
  const k = tf.tensor4d(ramp(3, 3, 3, 4), [3, 3, 3, 4]);
  const f = (a: tf.Tensor, b: tf.Tensor) => {
    const y = tf.conv2d(
      a as tf.Tensor4D,
      b as tf.Tensor4D,
      stride,
      pad as "same",
      "NHWC",
      1,
      pad === "same" || pad === "valid" ? undefined : "floor",
    );
    return tf.sum(tf.mul(y, tf.cos(y))) as tf.Scalar;
  };
  const { value, grads } = tf.valueAndGrads(f)([x, k]);
  return [value, ...grads];
}

const cases = [
  [1, "same"],
  [1, "valid"],
  [2, "same"],
  [
    1,
    [
      [0, 0],
      [1, 2],
      [0, 1],
      [0, 0],
    ],
  ],
] as const;

for (const [stride, pad] of cases)
  for (const algorithm of ["native", "product"] as const)
    test(`${algorithm}: stride ${stride}, pad ${pad}: value and gradients equal plain JavaScript's`, async () => {
      await tf.setBackend("cpu");
      const expected = tf.tidy(() => valueAndGradients(stride, pad as "same").map((t) => t.arraySync()));
      await tf.setBackend("tensorflow");
      const measured = tf.tidy(() => {
        tf.dispose(valueAndGradients(stride, pad as "same"));
        return convolutionChoices();
      }) as unknown as Record<string, "native">;
      setConvolutionChoices(Object.fromEntries(Object.keys(measured).map((key) => [key, algorithm])));
      const eager = valueAndGradients(stride, pad as "same");
      const fn = jit(() => valueAndGradients(stride, pad as "same"));
      const compiled = fn();
      expected.forEach((values, i) => {
        expectClose(eager[i]!, tf.tensor(values), 1e-5);
        expectClose(compiled[i]!, tf.tensor(values), 1e-5);
      });
      expect(Object.keys(convolutionChoices()).length).toBeGreaterThan(0);
      fn.dispose();
    });
