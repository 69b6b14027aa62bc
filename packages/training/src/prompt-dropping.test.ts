import { disposeTree } from "@controlnet-js/core";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import type { Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { dropsPrompt } from "./diffusion-batch.js";
import { createTinyTask, tinyDataset } from "./testing/tiny-task.js";

beforeAll(useCpuBackend);

describe("prompts are dropped", () => {
  test.each([0.1, 0.5, 0.9])("at the rate that is asked for, within four deviations: %d", (rate) => {
    const count = 20_000;
    for (const seed of [0, 1, 7]) {
      const dropped = Array.from({ length: count }, (_, i) => dropsPrompt(seed, i, rate)).filter(Boolean);
      const deviation = Math.sqrt(count * rate * (1 - rate));
      expect(Math.abs(dropped.length - count * rate)).toBeLessThan(4 * deviation);
    }
  });

  test("never at 0, always at 1, and each epoch anew", () => {
    const drops = (seed: number, rate: number, from = 0) =>
      Array.from({ length: 200 }, (_, i) => dropsPrompt(seed, from + i, rate));
    expect(drops(3, 0)).not.toContain(true);
    expect(drops(3, 1)).not.toContain(false);
    expect(drops(3, 0.5)).toEqual(drops(3, 0.5));
    expect(drops(3, 0.5, 200)).not.toEqual(drops(3, 0.5));
    expect(drops(4, 0.5)).not.toEqual(drops(3, 0.5));
  });
});

/** One text's embedding after the other. */
const rowsOf = (context: Tensor): string[] => {
  const [texts, tokens, features] = context.shape as [number, number, number];
  const values = context.dataSync();
  const size = tokens * features;
  return Array.from({ length: texts }, (_, i) => [...values.subarray(i * size, (i + 1) * size)].join());
};

test("a ControlNet's batches hold the empty prompt's embedding where it is dropped, and their own elsewhere", async () => {
  const count = 64;
  const indices = Array.from({ length: count }, (_, i) => i);
  const samples = await Promise.all(indices.map((i) => tinyDataset(count).load(i)));
  const contexts = async (promptDropping: number, empty = false) => {
    const task = createTinyTask({ promptDropping });
    const batch = await task.batch(empty ? samples.map((s) => ({ ...s, caption: "" })) : samples, indices);
    const rows = rowsOf(batch.context);
    disposeTree([batch, task.params]);
    task.dispose();
    return rows;
  };
  const [none] = await contexts(1, true);
  const kept = await contexts(0);
  expect(kept).not.toContain(none);
  expect(new Set(await contexts(1))).toEqual(new Set([none]));
  const mixed = await contexts(0.5);
  expect(mixed).toEqual(kept.map((row, i) => (dropsPrompt(7, i, 0.5) ? none : row)));
  const dropped = mixed.filter((row) => row === none).length;
  expect(Math.abs(dropped - count / 2)).toBeLessThan(4 * Math.sqrt(count / 4));
});
