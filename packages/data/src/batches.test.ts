import type { Image } from "@controlnet-js/core";
import { expect, test } from "vitest";
import { type BatchesOptions, batches, type Cursor } from "./batches.js";
import { collate } from "./collate.js";
import type { Dataset } from "./dataset.js";
import { inspectDataset } from "./inspect-dataset.js";
import { SampleError } from "./sample-error.js";
import { splitDataset } from "./split-dataset.js";
import { steppedCondition } from "./testing/conditions.js";

const flat = (value: number, channels: number): Image => ({
  data: new Uint8Array(64 * channels).fill(value),
  width: 8,
  height: 8,
  channels,
});

/** A dataset in memory whose samples in `broken` cannot be read. */
function memory(size: number, broken: readonly number[] = [], skippable = true) {
  let loading = 0;
  const seen = { most: 0, loads: 0 };
  const dataset: Dataset = {
    size,
    describe: () => `memory of ${size}`,
    async load(index) {
      seen.loads++;
      seen.most = Math.max(seen.most, ++loading);
      await new Promise((resolve) => setTimeout(resolve, (index * 7) % 5));
      loading--;
      const file = `${index}.png`;
      if (broken.includes(index))
        throw new SampleError({ code: "missing", message: `${file}: gone`, file, skippable });
      return {
        index,
        name: file,
        image: flat(index, 3),
        map: flat(255 - index, 1),
        caption: `picture ${index}`,
      };
    },
  };
  return { dataset, seen };
}

async function read(dataset: Dataset, options: Partial<BatchesOptions>, count = Number.POSITIVE_INFINITY) {
  const all: { indices: number[]; sampleIndices: number[]; cursor: Cursor }[] = [];
  for await (const { samples, sampleIndices, cursor } of batches(dataset, {
    batchSize: 4,
    seed: 3,
    ...options,
  })) {
    all.push({ indices: samples.map(({ index }) => index), sampleIndices, cursor });
    if (all.length === count) break;
  }
  return all;
}

test("every epoch has each sample once, batches are full across its end, sample indices count on", async () => {
  const all = await read(memory(10).dataset, { epochs: 2 });
  expect(all.map(({ indices }) => indices.length)).toEqual([4, 4, 4, 4, 4]);
  expect(all.flatMap(({ sampleIndices }) => sampleIndices)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  const order = all.flatMap(({ indices }) => indices);
  const numbers = Array.from({ length: 10 }, (_, i) => i);
  expect(order.slice(0, 10).toSorted((a, b) => a - b)).toEqual(numbers);
  expect(order.slice(10).toSorted((a, b) => a - b)).toEqual(numbers);
  expect(order.slice(0, 10)).not.toEqual(order.slice(10));
  expect(all.map(({ cursor }) => cursor)).toEqual([
    { epoch: 0, position: 4 },
    { epoch: 0, position: 8 },
    { epoch: 1, position: 2 },
    { epoch: 1, position: 6 },
    { epoch: 2, position: 0 },
  ]);
});

test("going on from any cursor gives exactly the rest, with skips and any prefetch", async () => {
  const { dataset } = memory(11, [2, 7]);
  const whole = await read(dataset, {}, 9);
  for (let cut = 0; cut < 8; cut++) {
    const { cursor } = whole[cut]!;
    expect(await read(dataset, { cursor, prefetch: cut % 4 }, 8 - cut)).toEqual(whole.slice(cut + 1));
  }
});

test("without shuffling the order is the dataset's, and the last batch of the last epoch is small", async () => {
  const all = await read(memory(6).dataset, { shuffle: false, epochs: 1 });
  expect(all.map(({ indices }) => indices)).toEqual([
    [0, 1, 2, 3],
    [4, 5],
  ]);
});

test("shares read together what one reader reads, and go on from the same cursor", async () => {
  const { dataset } = memory(11);
  const whole = await read(dataset, { batchSize: 6 }, 6);
  const shareOf = (index: number, cursor?: Cursor) =>
    read(dataset, { batchSize: 2, share: { index, of: 3 }, ...(cursor && { cursor }) }, cursor ? 4 : 6);
  const shares = await Promise.all([0, 1, 2].map((index) => shareOf(index)));
  for (const [i, { indices, sampleIndices, cursor }] of whole.entries()) {
    const together = shares.flatMap((share) => share[i]!.sampleIndices);
    expect(together.toSorted((a, b) => a - b)).toEqual(sampleIndices);
    expect(shares.flatMap((share) => share[i]!.indices).toSorted()).toEqual(indices.toSorted());
    expect(shares.map((share) => share[i]!.cursor)).toEqual([cursor, cursor, cursor]);
  }
  expect(await shareOf(2, whole[1]!.cursor)).toEqual(shares[2]!.slice(2));
  await expect(read(dataset, { share: { index: 3, of: 3 } })).rejects.toMatchObject({ code: "config" });
});

test("loading ahead is bounded", async () => {
  const { dataset, seen } = memory(1000);
  await read(dataset, { prefetch: 1 }, 3);
  expect(seen.most).toBeLessThanOrEqual(8);
  expect(seen.loads).toBeLessThanOrEqual(20);
});

test("samples that cannot be read are skipped and told once, up to maxSkipped", async () => {
  const { dataset } = memory(12, [1, 5, 9]);
  const told: number[] = [];
  const onSkip = ({ index }: { index: number }) => told.push(index);
  const all = await read(dataset, { epochs: 3, maxSkipped: 3, onSkip });
  expect(all.flatMap(({ indices }) => indices)).toHaveLength(27);
  expect(told.toSorted()).toEqual([1, 5, 9]);
  await expect(read(dataset, { epochs: 1, maxSkipped: 2 })).rejects.toThrow(
    /skipped 3 of 12 samples, more than maxSkipped = 2:\n {2}\d\.png: gone\n {2}\d\.png: gone\n {2}\d\.png: gone$/,
  );
});

test("a dataset of nothing but bad samples ends in an error, not in a loop", async () => {
  const { dataset } = memory(3, [0, 1, 2]);
  await expect(read(dataset, { maxSkipped: Number.POSITIVE_INFINITY })).rejects.toThrow(/every one there is/);
});

test("an error that must not be skipped reaches the reader in its turn", async () => {
  const { dataset } = memory(8, [6], false);
  const seen: number[] = [];
  const run = async () => {
    for await (const { samples } of batches(dataset, { batchSize: 2, seed: 0, shuffle: false }))
      seen.push(...samples.map(({ index }) => index));
  };
  await expect(run()).rejects.toThrow("6.png: gone");
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
});

test("a cursor of another dataset, or a bad option, is refused", async () => {
  const { dataset } = memory(5);
  await expect(read(dataset, { cursor: { epoch: 0, position: 5 } })).rejects.toMatchObject({ code: "state" });
  await expect(read(dataset, { batchSize: 0 })).rejects.toMatchObject({ code: "config" });
  await expect(read(memory(0).dataset, {})).rejects.toMatchObject({ code: "data" });
});

test("a split holds out the same samples for the same seed, and shares none", async () => {
  const indicesOf = async (part: Dataset) =>
    Promise.all(Array.from({ length: part.size }, async (_, i) => (await part.load(i)).index));
  const { dataset } = memory(50);
  const { train, heldOut } = splitDataset(dataset, { heldOut: { fraction: 0.1 }, seed: 9 });
  expect([train.size, heldOut.size]).toEqual([45, 5]);
  const held = await indicesOf(heldOut);
  expect([...held, ...(await indicesOf(train))].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  );
  expect(await indicesOf(splitDataset(dataset, { heldOut: { count: 5 }, seed: 9 }).heldOut)).toEqual(held);
  expect(await indicesOf(splitDataset(dataset, { heldOut: { count: 5 }, seed: 10 }).heldOut)).not.toEqual(
    held,
  );
  expect(heldOut.describe()).toBe("held-out part of memory of 50 (5 of 50, seed 9)");
  await expect(heldOut.load(5)).rejects.toMatchObject({ code: "range" });
  for (const heldOutSize of [{ count: 50 }, { count: -1 }, { fraction: 1 }, { fraction: 0 }])
    expect(() => splitDataset(dataset, { heldOut: heldOutSize, seed: 0 })).toThrow(/splitDataset: expected/);
});

test("collate gives pictures in [-1, 1] and maps in [0, 1], channels last", async () => {
  const { dataset } = memory(256);
  const samples = [await dataset.load(0), await dataset.load(255)];
  const batch = collate(samples);
  expect([batch.imageShape, batch.mapShape, batch.captions]).toEqual([
    [2, 8, 8, 3],
    [2, 8, 8, 1],
    ["picture 0", "picture 255"],
  ]);
  expect([batch.images[0], batch.images.at(-1), batch.maps[0], batch.maps.at(-1)]).toEqual([-1, 1, 1, 0]);
  expect([batch.images.length, batch.maps.length]).toEqual([384, 128]);
  const wide = { ...samples[1]!, image: { ...flat(0, 3), width: 16, height: 4 } };
  expect(() => collate([samples[0]!, wide])).toThrow(
    /collate: expected 8x8x3 like 0\.png, got 16x4x3 \(255\.png\)/,
  );
  expect(() => collate([])).toThrow(/at least one sample/);
});

test("inspectDataset reports every problem and what is rarely meant", async () => {
  const report = await inspectDataset(memory(20, [3, 8]).dataset, { condition: steppedCondition });
  expect(report).toMatchObject({ description: "memory of 20", checked: 20 });
  expect(report.problems).toEqual(
    [3, 8].map((index) => ({ index, code: "missing", message: `${index}.png: gone`, skippable: true })),
  );
  expect(report.warnings).toEqual([
    expect.stringMatching(/^18 of 18 samples: the map is mostly white.*first: 0\.png/),
  ]);
  const same: Dataset = {
    ...memory(4).dataset,
    load: async (index) => ({ index, name: "x", caption: "", image: flat(9, 3), map: flat(9, 3) }),
  };
  const { warnings, checked } = await inspectDataset(same, { sampleCount: 2 });
  expect(checked).toBe(2);
  expect(warnings).toHaveLength(3);
});
