import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { autoencoderConfig } from "@controlnet-js/autoencoder";
import { disposeTree, leavesOf } from "@controlnet-js/core";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadAutoencoder } from "./autoencoder-folder.js";
import { autoencoderTask } from "./autoencoder-task.js";
import { initialAutoencoder } from "./initial-weights.js";
import { runTraining } from "./run-training.js";
import { tinyDataset, tinyOptions } from "./testing/tiny-task.js";

beforeAll(useCpuBackend);

const folder = mkdtempSync(join(tmpdir(), "autoencoder-task-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = autoencoderConfig({ channels: [4, 4], blocksPerLevel: 1, groups: 2, sampleSize: 16 });
const createTask = () =>
  autoencoderTask({
    autoencoder: initialAutoencoder(config, 3),
    weights: { squared: 5, edges: 0.5, kl: 1e-7 },
    seed: 7,
    heldOut: tinyDataset(3, 1000),
    validationSamples: 3,
    batchSize: 2,
  });

test("N + N steps equal 2 N steps", async () => {
  const trained = async (name: string, steps: number, resume = false) => {
    const task = createTask();
    const options = tinyOptions(join(folder, name), { steps, resume });
    const { params } = await runTraining(task, tinyDataset(5), options);
    const values = leavesOf(params).flatMap(({ value }) => [...value.dataSync()]);
    const report = await task.validate!(params, steps);
    task.dispose();
    disposeTree(params);
    return { values, report };
  };
  const whole = await trained("whole", 4);
  await trained("parts", 2);
  expect(await trained("parts", 4, true)).toEqual(whole);
});

test("what is published loads, scales its latents to unit deviation and restores pictures", async () => {
  await expectNoTensorLeak(async () => {
    const task = createTask();
    const report = await task.validate!(task.params, 0);
    await task.publish(task.params, join(folder, "published"), 0);
    const { params, config: published } = loadAutoencoder(join(folder, "published"));
    expect(published.scalingFactor).toBeCloseTo(1 / report.latent_deviation!, 6);
    expect(leavesOf(params).map(({ value }) => [...value.dataSync()])).toEqual(
      leavesOf(task.params).map(({ value }) => [...value.dataSync()]),
    );
    const samples = await Promise.all([0, 1, 2].map((i) => tinyDataset(3, 1000).load(i)));
    const restored = await task.restore(params, samples);
    const errors = restored.flatMap(({ data }, i) =>
      Array.from(data, (byte, j) => Math.abs(byte - samples[i]!.image.data[j]!) / 127.5),
    );
    const l1 = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(Math.abs(l1 - report.l1!)).toBeLessThan(1e-3);
    disposeTree([task.params, params]);
    task.dispose();
  });
});
