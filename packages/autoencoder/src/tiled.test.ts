import { randomInitializer } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  autoencoderConfig,
  createAutoencoder,
  decodeLatents,
  decodeTiled,
  encodeImages,
  encodeTiled,
} from "./index.js";

const config = autoencoderConfig({ channels: [4, 8], blocksPerLevel: 1, groups: 2, latentChannels: 3 });

beforeAll(useCpuBackend);

describe("tiles", () => {
  test("a picture of one tile is as without tiles", () =>
    tf.tidy(() => {
      const autoencoder = createAutoencoder(config, randomInitializer(1));
      const images = tf.randomUniform<tf.Rank.R4>([1, 8, 6, 3], -1, 1, "float32", 1);
      const moments = encodeImages(autoencoder, images);
      expectClose(encodeTiled(autoencoder, images).mean, moments.mean, 0);
      expectClose(decodeTiled(autoencoder, moments.mean), decodeLatents(autoencoder, moments.mean), 0);
    }));

  test("where tiles don't overlap, each is the picture of its own part", () =>
    tf.tidy(() => {
      const autoencoder = createAutoencoder(config, randomInitializer(1));
      const latents = tf.randomNormal<tf.Rank.R4>([1, 8, 11, 3], 0, 1, "float32", 1);
      const whole = decodeTiled(autoencoder, latents, { tileSize: 16 });
      expect(whole.shape).toEqual([1, 16, 22, 3]);
      const first = decodeLatents(autoencoder, tf.slice(latents, [0, 0, 0, 0], [1, 8, 8, 3]));
      expectClose(
        tf.slice(whole, [0, 0, 0, 0], [1, 12, 12, 3]),
        tf.slice(first, [0, 0, 0, 0], [1, 12, 12, 3]),
        1e-6,
      );
    }));

  test("leave no tensors behind, and impossible ones are refused", async () => {
    const autoencoder = createAutoencoder(config, randomInitializer(1));
    const latents = tf.zeros<tf.Rank.R4>([1, 6, 6, 3]);
    await expectNoTensorLeak(() => decodeTiled(autoencoder, latents, { tileSize: 8 }).dispose());
    let runs = 0;
    const failing = {
      ...autoencoder.params,
      get decoder() {
        if (++runs > 2) throw new Error("out of memory");
        return autoencoder.params.decoder;
      },
    };
    await expectNoTensorLeak(() => {
      expect(() => decodeTiled({ params: failing, config }, latents, { tileSize: 8 })).toThrow(
        "out of memory",
      );
    });
    expect(() => decodeTiled(autoencoder, latents, { tileSize: 7 })).toThrow(
      /multiple of 2 .* got 7 and 0.25/,
    );
    expect(() => decodeTiled(autoencoder, latents, { overlap: 1 })).toThrow(/an overlap in \[0, 1\)/);
  });
});
