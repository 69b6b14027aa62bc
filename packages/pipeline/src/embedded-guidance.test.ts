import type { Pipeline } from "@controlnet-js/models";
import { unetConfig } from "@controlnet-js/unet";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openReference, type Reference } from "./testing/references.js";
import { textToImage } from "./text-to-image.js";
import type { TextToImageOptions } from "./text-to-image-options.js";

let reference: Reference;
let kernel: tf.Tensor;
beforeAll(async () => {
  await useCpuBackend();
  reference = await openReference();
  const { channels } = reference.pipeline.unet.config;
  kernel = tf.tidy(() => tf.reshape(tf.sin(tf.range(0, 6 * channels[0]!)), [6, channels[0]!]));
}, 120_000);
afterAll(() => {
  kernel.dispose();
  reference.dispose();
});

/** The reference's pipeline with a U-Net that takes its guidance as an input. */
function distilled(guidance: tf.Tensor): Pipeline {
  const { params, config } = reference.pipeline.unet;
  return {
    ...reference.pipeline,
    unet: {
      params: { ...params, time: { ...params.time, guidance: { kernel: guidance } } },
      config: unetConfig({ ...config, guidanceChannels: 6 }),
    },
  };
}

async function run(pipeline: Pipeline, options: TextToImageOptions) {
  const prompts = options.promptEmbeds ? {} : { prompts: ["a cube"] };
  const { latents, applied } = await textToImage(pipeline, { ...prompts, steps: 2, ...options });
  const values = Float32Array.from(latents.dataSync());
  latents.dispose();
  return { values, warnings: applied.warnings };
}

test("a U-Net distilled for any guidance runs once, with its guidance as an input", async () => {
  const plain = await run(reference.pipeline, { guidance: 1 });
  const deaf = tf.zerosLike(kernel);
  await expectNoTensorLeak(async () => {
    expect((await run(distilled(deaf), { guidance: 7.5 })).values).toEqual(plain.values);
    const [weak, strong] = [await run(distilled(kernel), { guidance: 2 }), await run(distilled(kernel), {})];
    expect(weak.values).not.toEqual(plain.values);
    expect(strong.values).not.toEqual(weak.values);
    expect(weak.warnings).toEqual([]);
  });
  deaf.dispose();
});

test("it has no use for negative prompts", async () => {
  const positive = tf.zeros<tf.Rank.R3>([1, 4, reference.pipeline.unet.config.contextChannels]);
  expect((await run(distilled(kernel), { promptEmbeds: { positive } })).warnings).toEqual([]);
  const { warnings } = await run(distilled(kernel), { negativePrompt: "blurry" });
  expect(warnings.join()).toContain("the negative prompt was not used");
  positive.dispose();
});
