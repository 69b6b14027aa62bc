import { autoencoderConfig, createAutoencoder } from "@controlnet-js/autoencoder";
import { randomInitializer } from "@controlnet-js/core";
import { createTextEncoder, createTokenizer, textEncoderConfig, trainBpe } from "@controlnet-js/text-encoder";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, expect, test } from "vitest";
import { cacheMemory } from "./cache-memory.js";
import { createLatentCache, latentBytes } from "./latent-cache.js";
import { tinyDataset } from "./testing/tiny-task.js";
import { createTextCache } from "./text-cache.js";

beforeAll(useCpuBackend);

const shape = autoencoderConfig({ channels: [4, 4, 4], blocksPerLevel: 1, groups: 2 });
const weights = () => createAutoencoder(shape, randomInitializer(2));
const one = latentBytes(shape, 16, 16);

test("latents stay within their bytes, and are the same whether they were held or not", async () => {
  const data = tinyDataset(6);
  const samples = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => data.load(i)));
  const [bounded, free, none] = [3 * one, undefined, 0].map((limit) =>
    createLatentCache(weights(), limit),
  ) as [
    ReturnType<typeof createLatentCache>,
    ReturnType<typeof createLatentCache>,
    ReturnType<typeof createLatentCache>,
  ];
  const first = await free.of(samples);
  for (let epoch = 0; epoch < 2; epoch++) {
    expect(await bounded.of(samples)).toEqual(first);
    expect(await free.of(samples)).toEqual(first);
    expect(await none.of(samples)).toEqual(first);
    expect([bounded.size, bounded.bytes]).toEqual([3, 3 * one]);
    expect([free.size, free.bytes]).toEqual([6, 6 * one]);
    expect([none.size, none.bytes]).toEqual([0, 0]);
  }
  for (const cache of [bounded, free, none]) cache.dispose();
});

test("embeddings of texts stay within their bytes, and are the same whether they were held or not", async () => {
  const tokenizer = createTokenizer(trainBpe(["red ball blue cube"], 530), { maxTokens: 6 });
  const config = textEncoderConfig({
    vocabularySize: tokenizer.vocabularySize,
    maxTokens: 6,
    hiddenSize: 4,
    feedForwardSize: 8,
    heads: 1,
    layers: 1,
  });
  const cacheOf = (limit?: number) =>
    createTextCache(createTextEncoder(config, randomInitializer(3)), tokenizer, limit);
  const [bounded, free] = [cacheOf(1000), cacheOf()];
  const texts = ["red ball", "blue cube", "red cube", "blue ball", "red ball"];
  for (let epoch = 0; epoch < 2; epoch++) {
    const [a, b] = [await bounded.of(texts), await free.of(texts)];
    expect(await a.data()).toEqual(await b.data());
    a.dispose();
    b.dispose();
    expect(bounded.bytes).toBeGreaterThan(0);
    expect(bounded.bytes).toBeLessThanOrEqual(1000);
  }
  expect(free.bytes).toBeGreaterThan(1000);
  bounded.dispose();
  free.dispose();
});

test("processes share the memory that their caches may take", () => {
  const alone = cacheMemory();
  expect(alone).toBeGreaterThan(0);
  expect(cacheMemory(4)).toBeLessThan(alone / 2);
});
