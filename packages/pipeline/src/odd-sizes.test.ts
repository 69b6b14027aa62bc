import type { Image } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openReference, type Reference } from "./testing/references.js";
import { textToImage } from "./text-to-image.js";
import type { TextToImageOptions } from "./text-to-image-options.js";

let reference: Reference;
beforeAll(async () => {
  await useCpuBackend();
  reference = await openReference();
}, 120_000);
afterAll(() => reference.dispose());

const picture = (channels: number, value: (i: number) => number): Image => ({
  data: Uint8Array.from({ length: 18 * 14 * channels }, (_, i) => value(i)),
  width: 18,
  height: 14,
  channels,
});

test("pictures of 18x14, latents of 9x7 and 5x4: with a ControlNet, and with a mask that changes nothing", async () => {
  await expectNoTensorLeak(async () => {
    const control = { net: reference.edges, map: picture(3, (i) => (i * 37) % 256) };
    const run = async (mask?: Image) => {
      const controls = [{ ...control, ...(mask && { mask }) }];
      const { images, latents } = await textToImage(reference.pipeline, {
        prompts: ["a cube"],
        steps: 1,
        controls,
      });
      const values = Float32Array.from(latents.dataSync());
      expect([latents.shape, images[0]!.width, images[0]!.height]).toEqual([[1, 7, 9, 4], 18, 14]);
      latents.dispose();
      return values;
    };
    const plain = await run();
    expectClose(await run(picture(1, () => 255)), plain, 1e-5);
    // A hundred times what two equal runs may differ by.
    const half = await run(picture(1, (i) => (i % 18 < 9 ? 255 : 0)));
    expect(Math.max(...half.map((value, i) => Math.abs(value - plain[i]!)))).toBeGreaterThan(1e-3);
  });
});

test("noise decides the size, and embeddings of batch 1 go with every sample", async () => {
  await expectNoTensorLeak(async () => {
    const noise = tf.randomNormal([2, 5, 6, 4], 0, 1, "float32", 3) as tf.Tensor4D;
    const one = tf.slice(reference.get<tf.Tensor3D>("in.positive"), 0, 1);
    const run = async (promptEmbeds: TextToImageOptions["promptEmbeds"] & object) => {
      const options = { noise, promptEmbeds, steps: 1, guidance: 3 };
      const { images, latents, applied } = await textToImage(reference.pipeline, options);
      const values = Float32Array.from(latents.dataSync());
      latents.dispose();
      expect(images.map(({ width, height }) => [width, height])).toEqual([
        [12, 10],
        [12, 10],
      ]);
      expect(applied.indices).toEqual([0, 1]);
      return values;
    };
    const both = tf.tile(one, [2, 1, 1]);
    expect(await run({ positive: one, negative: one })).toEqual(
      await run({ positive: both, negative: both }),
    );
    tf.dispose([noise, one, both]);
  });
});
