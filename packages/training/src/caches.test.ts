import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { autoencoderConfig, createAutoencoder } from "@controlnet-js/autoencoder";
import { randomInitializer } from "@controlnet-js/core";
import type { Sample } from "@controlnet-js/data";
import { createTextEncoder, createTokenizer, textEncoderConfig, trainBpe } from "@controlnet-js/text-encoder";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, expect, test } from "vitest";
import { cacheMemory } from "./caches.js";
import { openHalfStore } from "./half-store.js";
import { autoencoderKey, createLatentCache, latentBytes } from "./latent-cache.js";
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

test("a folder keeps both for later caches, which ask no network; what is damaged is made anew", async () => {
  const folder = mkdtempSync(join(tmpdir(), "caches-"));
  try {
    const data = tinyDataset(3);
    const samples = await Promise.all([0, 1, 2].map((i) => data.load(i)));
    const key = autoencoderKey(weights());
    expect(autoencoderKey(createAutoencoder(shape, randomInitializer(9)))).not.toBe(key);
    const open = () => openHalfStore(join(folder, key));
    const plain = await createLatentCache(weights()).of(samples);
    expect(await createLatentCache(weights(), 0, await open()).of(samples)).toEqual(plain);
    // Another autoencoder on this one's folder would tell: its latents are the folder's, and so it was not asked.
    const other = () => createAutoencoder(shape, randomInitializer(9));
    expect(await createLatentCache(other(), 0, await open()).of(samples)).toEqual(plain);
    const files = readdirSync(join(folder, key), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files).toHaveLength(3);
    for (const { parentPath, name } of files) {
      const path = join(parentPath, name);
      const bytes = readFileSync(path);
      bytes[0]! ^= 1;
      writeFileSync(path, bytes);
    }
    expect(await createLatentCache(weights(), 0, await open()).of(samples)).toEqual(plain);
    expect(await createLatentCache(other(), 0, await open()).of(samples)).toEqual(plain);
    // A picture that changed under its name is another one.
    const changed = samples.map((sample) => ({
      ...sample,
      image: { ...sample.image, data: sample.image.data.map((byte) => 255 - byte) },
    }));
    expect(await createLatentCache(weights(), 0, await open()).of(changed)).not.toEqual(plain);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a picture whose content is known need not be made where a folder keeps its latent", async () => {
  const folder = mkdtempSync(join(tmpdir(), "caches-"));
  try {
    const sample = await tinyDataset(1).load(0);
    const { width, height, channels } = sample.image;
    const named = (is: string) => ({ ...sample, content: { is, width, height, channels } });
    const unmade = (is: string): Sample => ({
      ...named(is),
      get image(): never {
        throw new Error("made again");
      },
    });
    const cache = async () => createLatentCache(weights(), 0, await openHalfStore(folder));
    const plain = await (await cache()).of([named("one")]);
    expect(await (await cache()).of([unmade("one")])).toEqual(plain);
    await expect((await cache()).of([unmade("another")])).rejects.toThrow("made again");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a folder that takes nothing more is told of once, and ends nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "caches-"));
  try {
    const told: string[] = [];
    const store = await openHalfStore(join(folder, "store"), (message) => told.push(message));
    const values = Uint16Array.from([1, 2, 3]);
    await store.put("aa11", values);
    expect(await store.get("aa11", 3)).toEqual(values);
    expect(await store.get("aa11", 4)).toBeUndefined();
    writeFileSync(join(folder, "store", "bb"), "a file in the way");
    await store.put("bb22", values);
    await store.put("aa33", values);
    expect(told).toEqual([expect.stringMatching(/cache folder .*computed each time/)]);
    expect(await store.get("aa33", 3)).toBeUndefined();
    expect(await store.get("aa11", 3)).toEqual(values);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
