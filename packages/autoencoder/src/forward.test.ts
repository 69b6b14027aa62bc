import { countParameters, leavesOf, randomInitializer, shapeInitializer } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  autoencoderConfig,
  createAutoencoder,
  decodeLatents,
  encodeImages,
  klDivergence,
  sampleLatent,
  scaleLatents,
  unscaleLatents,
} from "./index.js";

const config = autoencoderConfig({ channels: [4, 8], blocksPerLevel: 1, groups: 2, latentChannels: 3 });

beforeAll(useCpuBackend);

describe("encodeImages and decodeLatents", () => {
  test("halve and double the sides once per level but the last", () =>
    tf.tidy(() => {
      const autoencoder = createAutoencoder(config, randomInitializer(1));
      const { mean, logVariance } = encodeImages(autoencoder, tf.zeros([2, 8, 6, 3]));
      expect(mean.shape).toEqual([2, 4, 3, 3]);
      expect(logVariance.shape).toEqual([2, 4, 3, 3]);
      expect(decodeLatents(autoencoder, mean).shape).toEqual([2, 8, 6, 3]);
      expect(() => encodeImages(autoencoder, tf.zeros([1, 7, 8, 3]))).toThrow(
        /multiples of 2, got \[1,7,8,3\]/,
      );
    }));

  test("every leaf gets a gradient through a sampled round trip", () =>
    tf.tidy(() => {
      const autoencoder = createAutoencoder(config, randomInitializer(1));
      const leaves = leavesOf(autoencoder);
      const images = tf.randomUniform<tf.Rank.R4>([1, 4, 4, 3], -1, 1, "float32", 5);
      const noise = tf.randomNormal<tf.Rank.R4>([1, 2, 2, 3], 0, 1, "float32", 6);
      const loss = () => {
        const moments = encodeImages(autoencoder, images);
        const error = tf.sub(decodeLatents(autoencoder, sampleLatent(moments, noise)), images);
        return tf.add(tf.sum(tf.square(error)), tf.sum(klDivergence(moments))) as tf.Scalar;
      };
      const gradients = tf.grads(loss)(leaves.map(({ value }) => value));
      gradients.forEach((gradient, i) => {
        const { path, value } = leaves[i]!;
        expect(gradient.shape, path).toEqual(value.shape);
        if (!path.endsWith("key.bias"))
          expect(tf.max(tf.abs(gradient)).dataSync()[0], path).toBeGreaterThan(0);
      });
    }));

  test("leave no tensors behind", async () => {
    const autoencoder = createAutoencoder(config, randomInitializer(1));
    const images = tf.zeros<tf.Rank.R4>([1, 4, 4, 3]);
    await expectNoTensorLeak(() => {
      const { mean, logVariance } = encodeImages(autoencoder, images);
      decodeLatents(autoencoder, mean).dispose();
      tf.dispose([mean, logVariance]);
    });
  });

  test("Stable Diffusion's autoencoder has 83,653,863 parameters", () => {
    expect(countParameters(createAutoencoder(autoencoderConfig(), shapeInitializer))).toBe(83_653_863);
  });

  test("channels that don't divide into the norm groups are refused", () => {
    expect(() => autoencoderConfig({ channels: [32, 48], groups: 32 })).toThrow(/48 don't divide into 32/);
  });
});

describe("latents", () => {
  test("the divergence of the standard normal distribution from itself is 0", () =>
    tf.tidy(() => {
      const zeros = tf.zeros<tf.Rank.R4>([2, 1, 1, 2]);
      expectClose(klDivergence({ mean: zeros, logVariance: zeros }), [0, 0]);
      const mean = tf.onesLike(zeros);
      expectClose(klDivergence({ mean, logVariance: zeros }), [1, 1]);
    }));

  test("scaling and unscaling are inverse", () =>
    tf.tidy(() => {
      const shifted = autoencoderConfig({ ...config, shiftFactor: 0.5 });
      const z = tf.randomNormal<tf.Rank.R4>([1, 2, 2, 3], 0, 1, "float32", 2);
      expectClose(scaleLatents({ config }, tf.ones([1, 1, 1, 1])), [0.18215]);
      expectClose(unscaleLatents({ config: shifted }, scaleLatents({ config: shifted }, z)), z, 1e-6);
    }));
});
