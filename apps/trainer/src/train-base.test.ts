import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeTree } from "@controlnet-js/core";
import { disposePipeline } from "@controlnet-js/models";
import { openPipeline } from "@controlnet-js/models/node";
import { loadAutoencoder } from "@controlnet-js/training";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { train } from "./train.js";
import { readTrainConfig } from "./train-config.js";

const folder = mkdtempSync(join(tmpdir(), "trainer-base-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Trains one step, then a second one after a resume, on the plain engine. */
async function trainInTwoParts(name: string, text: string) {
  const path = join(folder, `${name}.yaml`);
  const output = join(folder, name);
  writeFileSync(path, `${text}\noutput: ${output}\n`);
  const first = await train({ config: readTrainConfig(path), resume: false, engine: "cpu" });
  expect(first.result).toMatchObject({ step: 1, reason: "finished" });
  first.dispose();
  const more = readTrainConfig(path, ["training.steps=2"]);
  const second = await train({ config: more, resume: true, engine: "cpu" });
  expect(second.log.steps.map(({ step }) => step)).toEqual([1, 2]);
  expect(second.result.step).toBe(2);
  second.dispose();
  expect(await readdir(output)).toEqual(
    expect.arrayContaining([
      "chart.svg",
      "checkpoints",
      "events",
      "steps.csv",
      "validation",
      "validations.csv",
    ]),
  );
  return { output, log: second.log };
}

const shared = `
data: { kind: tinyworld, count: 3, seed: 1 }
dataOptions: { heldOut: 2, workers: 0 }
training: { steps: 1, batchSize: 1, learningRate: 1.0e-3, emaDecay: 0.5 }`;

test("an autoencoder is trained and published, then a text-to-image model on its latents", {
  timeout: 600_000,
}, async () => {
  const autoencoder = await trainInTwoParts(
    "autoencoder",
    `task: autoencoder
model: { channels: [2, 2, 2, 2], groups: 1 }
validation: { every: 1, samples: 2, images: 1, imagesEvery: 2 }${shared}`,
  );
  const published = loadAutoencoder(join(autoencoder.output, "autoencoder"));
  disposeTree(published.params);
  const last = autoencoder.log.validations.at(-1)!;
  expect(last.step).toBe(2);
  expect(last.psnr).toBeGreaterThan(5);
  expect(published.config.scalingFactor).toBeCloseTo(1 / last.latent_deviation!, 6);
  const sheet = await sharp(join(autoencoder.output, "validation", "step-00000002.png")).metadata();
  expect(sheet.width).toBeGreaterThan(2 * 128);

  const base = await trainInTwoParts(
    "base",
    `task: text-to-image
autoencoder: ${join(autoencoder.output, "autoencoder")}
unet: { channels: [4, 8], attention: [true, false], heads: [1, 1], blocksPerLevel: 1, groups: 2 }
text: { vocabularySize: 530, hiddenSize: 4, feedForwardSize: 8, heads: 1, layers: 1 }
validation: { every: 1, samples: 2, images: 1, imagesEvery: 2, colourSamples: 2, samplingSteps: 1 }${shared.replace("emaDecay", `cacheFolder: ${join(folder, "cache")}, minSnr: 5, emaDecay`)}`,
  );
  // Two pictures trained on and two held out, each encoded once in both parts of the run.
  const kept = await readdir(join(folder, "cache"), { recursive: true, withFileTypes: true });
  expect(kept.filter((entry) => entry.isFile())).toHaveLength(4);
  const [before, unpainted, painted] = base.log.validations;
  expect(before).toMatchObject({ step: 0 });
  // The zero output convolution predicts no noise at all, and noise has a variance of 1.
  expect(before!.held_out_loss).toBeGreaterThan(0.9);
  expect(before!.held_out_loss).toBeLessThan(1.1);
  expect([0, 0.5, 1]).toContain(painted!.colour_right);
  expect(unpainted).toMatchObject({ step: 1, colour_right: Number.NaN });
  const pipeline = await openPipeline(join(base.output, "pipeline"));
  expect(pipeline.metadata).toMatchObject({ step: 2 });
  expect(pipeline.autoencoder.config.scalingFactor).toBeCloseTo(published.config.scalingFactor, 6);
  expect(pipeline.unet.config).toMatchObject({ channels: [4, 8], contextChannels: 4, sampleSize: 16 });
  disposePipeline(pipeline);
});
