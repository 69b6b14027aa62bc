import { countParameters, leavesOf, randomInitializer, shapeInitializer } from "@controlnet-js/core";
import {
  expectClose,
  expectGradients,
  expectNoTensorLeak,
  useCpuBackend,
} from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { createTextEncoder, embedTokens, encodeText, textEncoderConfig } from "./index.js";

const config = textEncoderConfig({
  vocabularySize: 20,
  maxTokens: 6,
  hiddenSize: 8,
  feedForwardSize: 12,
  heads: 2,
  layers: 2,
});

beforeAll(useCpuBackend);

describe("encodeText", () => {
  test("a token's features depend on the tokens before it alone", () =>
    tf.tidy(() => {
      const encoder = createTextEncoder(config, randomInitializer(1));
      const a = encodeText(encoder, tf.tensor2d([[18, 3, 4, 5, 19, 19]], [1, 6], "int32"));
      const b = encodeText(encoder, tf.tensor2d([[18, 3, 4, 9, 2, 1]], [1, 6], "int32"));
      expect(a.shape).toEqual([1, 6, 8]);
      const head = (x: tf.Tensor3D) => tf.slice(x, [0, 0, 0], [1, 3, 8]);
      const tail = (x: tf.Tensor3D) => tf.slice(x, [0, 3, 0], [1, 3, 8]);
      expectClose(head(a), head(b), 1e-6);
      expect(tf.max(tf.abs(tf.sub(tail(a), tail(b)))).dataSync()[0]).toBeGreaterThan(0.1);
    }));

  test("every leaf gets a gradient", () =>
    tf.tidy(() => {
      const encoder = createTextEncoder(config, randomInitializer(1));
      const leaves = leavesOf(encoder);
      const tokens = tf.tensor2d([[18, 3, 4, 5, 19, 19]], [1, 6], "int32");
      const target = tf.randomNormal([1, 6, 8], 0, 1, "float32", 7);
      const gradients = tf.grads(() => tf.sum(tf.mul(encodeText(encoder, tokens), target)))(
        leaves.map(({ value }) => value),
      );
      gradients.forEach((gradient, i) => {
        expect(gradient.shape, leaves[i]!.path).toEqual(leaves[i]!.value.shape);
        // A key's bias shifts all scores of a query alike, so that softmax takes it away.
        if (!leaves[i]!.path.endsWith("key.bias"))
          expect(tf.max(tf.abs(gradient)).dataSync()[0], leaves[i]!.path).toBeGreaterThan(0);
      });
    }));

  test("the embedding's gradient adds up over repeated tokens", () => {
    const tokens = tf.tensor2d(
      [
        [0, 2, 2],
        [1, 2, 0],
      ],
      [2, 3],
      "int32",
    );
    expectGradients((table) => embedTokens(table, tokens), [tf.randomNormal([4, 3], 0, 1, "float32", 3)]);
    tokens.dispose();
  });

  test("leaves no tensors behind", async () => {
    const encoder = createTextEncoder(config, randomInitializer(1));
    const tokens = tf.tensor2d([[18, 3, 19]], [1, 3], "int32");
    await expectNoTensorLeak(() => encodeText(encoder, tokens).dispose());
  });

  test("skip leaves out layers; beyond the last it is an error", () =>
    tf.tidy(() => {
      const encoder = createTextEncoder(config, randomInitializer(1));
      const tokens = tf.tensor2d([[18, 3, 19]], [1, 3], "int32");
      const short = textEncoderConfig({ ...config, layers: 1 });
      expectClose(
        encodeText(encoder, tokens, { skip: 1 }),
        encodeText({ ...encoder, config: short }, tokens),
        1e-7,
      );
      const skipping = textEncoderConfig({ ...config, skippedLayers: 1 });
      expectClose(
        encodeText({ ...encoder, config: skipping }, tokens),
        encodeText({ ...encoder, config: short }, tokens),
        1e-7,
      );
      expect(() => encodeText(encoder, tokens, { skip: 3 })).toThrow(/skip must be 0 to 2, got 3/);
    }));

  test("Stable Diffusion 1's encoder has CLIP ViT-L/14's 123,060,480 parameters", () => {
    expect(countParameters(createTextEncoder(textEncoderConfig(), shapeInitializer))).toBe(123_060_480);
  });
});
