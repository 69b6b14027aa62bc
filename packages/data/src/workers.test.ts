import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cannyCondition } from "@controlnet-js/preprocessors";
import { afterEach, expect, test } from "vitest";
import { batches, type Cursor } from "./batches.js";
import type { FileDataset } from "./dataset.js";
import { createDecoder } from "./decoder.js";
import { openImageFolder } from "./image-folder.js";
import { openJsonLines } from "./json-lines.js";
import { mapRulesOf } from "./map-rules.js";
import { steppedCondition } from "./testing/conditions.js";
import { conditionsModule, writeImageFolder, writeJsonLinesFolder, writePicture } from "./testing/folders.js";

const folders: string[] = [];
const opened: FileDataset[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((dataset) => dataset.close()));
  await Promise.all(folders.splice(0).map((dir) => rm(dir, { recursive: true, force: true })));
});

async function imageFolder(
  name: string,
  settings: { workers?: number; timeoutMs?: number; options?: Record<string, unknown>; dir?: string },
) {
  const dir = settings.dir ?? (await writeImageFolder(6));
  if (!settings.dir) folders.push(dir);
  const incidents: string[] = [];
  const dataset = await openImageFolder(dir, {
    condition: { module: conditionsModule, export: name },
    conditionOptions: settings.options ?? {},
    size: 32,
    workers: settings.workers ?? 2,
    timeoutMs: settings.timeoutMs ?? 60_000,
    onIncident: (message) => incidents.push(message),
  });
  opened.push(dataset);
  return { dir, dataset, incidents };
}

async function read(dataset: FileDataset, cursor: Cursor | undefined, count: number) {
  const lines: string[] = [];
  let last = cursor;
  if (count === 0) return { lines, cursor: last };
  for await (const batch of batches(dataset, { batchSize: 2, seed: 5, ...(cursor && { cursor }) })) {
    const sums = batch.samples.map(({ image, map }) =>
      [image.data, map.data].map((data) => data.reduce((a, b) => a + b, 0)),
    );
    lines.push(
      JSON.stringify([batch.sampleIndices, batch.samples.map(({ name, caption }) => [name, caption]), sums]),
    );
    last = batch.cursor;
    if (lines.length === count) break;
  }
  return { lines, cursor: last };
}

test("the sequence is the same with no, one and three workers, and across a resume", async () => {
  const dir = await writeImageFolder(7);
  folders.push(dir);
  const sequences: string[][] = [];
  for (const workers of [0, 1, 3]) {
    const { dataset } = await imageFolder("steppedCondition", { dir, workers });
    sequences.push((await read(dataset, undefined, 10)).lines);
    const first = await read(dataset, undefined, workers + 2);
    const second = await read(dataset, JSON.parse(JSON.stringify(first.cursor)) as Cursor, 8 - workers);
    sequences.push([...first.lines, ...second.lines]);
  }
  expect(sequences[0]).toHaveLength(10);
  for (const sequence of sequences) expect(sequence).toEqual(sequences[0]);
});

test("workers decode JSON lines and pass errors on as they are", async () => {
  const dir = await writeJsonLinesFolder(3);
  folders.push(dir);
  await rm(join(dir, "target/1.png"));
  const dataset = await openJsonLines(dir, { condition: steppedCondition, size: 32, workers: 1 });
  opened.push(dataset);
  const [good, bad] = await Promise.allSettled([dataset.load(0), dataset.load(1)]);
  expect(good).toMatchObject({ status: "fulfilled", value: { caption: "picture 0" } });
  expect(bad).toMatchObject({
    reason: { code: "missing", skippable: true, file: join(dir, "target/1.png") },
  });
});

test("a built-in condition is found by its package's name", async () => {
  const dir = await writeImageFolder(1);
  folders.push(dir);
  const condition = { module: "@controlnet-js/preprocessors", export: "cannyCondition" };
  const dataset = await openImageFolder(dir, { condition, size: 32, workers: 1 });
  opened.push(dataset);
  const { image, map } = await dataset.load(0);
  expect(map).toEqual(await cannyCondition.detect(image));
  expect(map.data.includes(255)).toBe(true);
});

test("a worker that dies is replaced, its sample loaded all the same and reported", async () => {
  const { dir, dataset: calm } = await imageFolder("steppedCondition", { workers: 0 });
  const flag = join(dir, "died");
  const { dataset, incidents } = await imageFolder("dyingOnceCondition", {
    dir,
    options: { flag },
    workers: 2,
  });
  const [expected, got] = [await read(calm, undefined, 6), await read(dataset, undefined, 6)];
  expect(got).toEqual(expected);
  expect(incidents.join()).toMatch(
    /decode worker \d+ ended by SIGKILL with .*\d\.png; trying that sample again/,
  );
});

test("workers killed from outside in the middle of a run change nothing", async () => {
  const dir = await writeJsonLinesFolder(4);
  folders.push(dir);
  const incidents: string[] = [];
  const decoder = createDecoder(
    "test",
    { root: dir, rules: mapRulesOf(steppedCondition), resolution: { width: 32, height: 32 } },
    { workers: 2, onIncident: (message) => incidents.push(message) },
  );
  const decode = (i: number) => decoder.decode(join(dir, `target/${i % 4}.png`), { kind: "none" });
  await decode(0);
  const running = Array.from({ length: 40 }, (_, i) => decode(i));
  for (const pid of decoder.processIds()) process.kill(pid, "SIGKILL");
  const decoded = await Promise.all(running);
  expect(decoded.map(({ image }) => image.data[0])).toEqual(
    Array.from({ length: 40 }, (_, i) => 10 + (i % 4)),
  );
  expect(incidents.length).toBeGreaterThan(0);
  await decoder.close();
  expect(decoder.processIds()).toEqual([]);
  await expect(decode(0)).rejects.toMatchObject({ code: "state" });
});

test.each([
  ["die", /001\.png: decode worker \d+ ended with code 3, for the second time/],
  ["hang", /001\.png: not decoded within 8000 ms/],
])("a sample that makes its worker %s is skipped by name, and the rest goes on", async (how, message) => {
  const dir = await writeImageFolder(4);
  folders.push(dir);
  await writePicture(join(dir, "001.png"), { left: { r: 250, g: 0, b: 0 } });
  const { dataset, incidents } = await imageFolder("badCondition", {
    dir,
    options: { how },
    timeoutMs: 8000,
  });
  const skipped: string[] = [];
  const names: string[] = [];
  const onSkip = (sample: { message: string }) => skipped.push(sample.message);
  for await (const batch of batches(dataset, { batchSize: 2, seed: 1, epochs: 2, onSkip }))
    names.push(...batch.samples.map(({ name }) => name));
  expect(names.toSorted()).toEqual(["000.png", "000.png", "002.png", "002.png", "003.png", "003.png"]);
  expect(skipped).toHaveLength(1);
  expect(skipped[0]).toMatch(message);
  expect(incidents.length).toBeGreaterThan(0);
});

test("what is opened for a block ends its workers with it", async () => {
  const dir = await writeImageFolder(1);
  folders.push(dir);
  const dataset = await openImageFolder(dir, { condition: steppedCondition, size: 32, workers: 1 });
  await dataset.load(0);
  await dataset[Symbol.asyncDispose]();
  await expect(dataset.load(0)).rejects.toMatchObject({ code: "state" });
});

test("closing rejects what is still waiting", async () => {
  const { dataset } = await imageFolder("steppedCondition", { workers: 1 });
  const waiting = Promise.allSettled([0, 1, 2].map((i) => dataset.load(i)));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await dataset.close();
  for (const outcome of await waiting) expect(outcome).toMatchObject({ reason: { code: "aborted" } });
});
