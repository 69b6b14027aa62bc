import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { captionOf } from "../caption.js";
import { render } from "../render.js";
import { renderBatch } from "../render-batch.js";
import { sceneOf } from "../scene-of.js";
import { truthMap } from "../truth-map.js";
import { tinyworld } from "../worlds.js";
import { renderInWorkers } from "./render-pool.js";
import { writeDataset } from "./write-dataset.js";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tinyworld-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const pixels = (path: string): Promise<Buffer> => sharp(path).raw().toBuffer();

test("a written data set reads back as it was rendered", async () => {
  const out = join(dir, "set");
  const seen: number[] = [];
  await writeDataset({
    out,
    count: 5,
    seed: 8,
    start: 100,
    map: (_, scene) => truthMap(scene, "normal"),
    onProgress: (written) => seen.push(written),
  });
  const lines = (await readFile(join(out, "prompt.json"), "utf8")).trim().split("\n");
  expect(lines).toHaveLength(5);
  expect(seen).toEqual([5]);
  for (const [i, line] of lines.entries()) {
    const scene = sceneOf({ seed: 8, index: 100 + i });
    const { source, target, prompt } = JSON.parse(line) as Record<string, string>;
    expect(prompt).toBe(captionOf(scene));
    expect(target).toBe(`target/${100 + i}.png`);
    expect(Buffer.compare(await pixels(join(out, target!)), render(scene).data)).toBe(0);
    expect(Buffer.compare(await pixels(join(out, source!)), truthMap(scene, "normal").data)).toBe(0);
  }
  await expect(writeDataset({ out, count: 1, map: (image) => image })).rejects.toThrow(/exists already/);
});

test("maps of one channel stay so", async () => {
  const out = join(dir, "grey");
  const map = new Uint8Array(128 * 128).map((_, i) => i % 256);
  await writeDataset({ out, count: 1, map: () => ({ data: map, width: 128, height: 128, channels: 1 }) });
  expect((await sharp(join(out, "source/0.png")).metadata()).channels).toBe(1);
  expect(
    new Uint8Array(await sharp(join(out, "source/0.png")).toColourspace("b-w").raw().toBuffer()),
  ).toEqual(map);
});

test("pictures of others are not overwritten; a data set that was not finished is begun again", async () => {
  const out = join(dir, "other");
  const map = (image: ReturnType<typeof render>) => image;
  await mkdir(join(out, "target"), { recursive: true });
  await writeFile(join(out, "target", "0.png"), "mine");
  await expect(writeDataset({ out, count: 1, map })).rejects.toMatchObject({
    code: "io",
    message: expect.stringMatching(/target holds 0\.png.*choose another folder/),
  });
  expect(await readFile(join(out, "target", "0.png"), "utf8")).toBe("mine");

  const again = join(dir, "again");
  const failing = () => Promise.reject(new Error("killed"));
  await expect(writeDataset({ out: again, count: 1, map: failing })).rejects.toThrow(/killed/);
  await writeDataset({ out: again, count: 1, map });
  expect((await readdir(again)).sort()).toEqual(["prompt.json", "source", "target"]);
});

test("training scenes and held-out scenes never mix", async () => {
  const options = {
    out: join(dir, "mixed"),
    start: 999_999,
    count: 2,
    map: (image: ReturnType<typeof render>) => image,
  };
  await expect(writeDataset(options)).rejects.toThrow(/partly held out/);
});

test("workers render what one process does", async () => {
  const job = { seed: 1, start: 50, count: 70 };
  const [theirs, ours] = [await renderInWorkers({ ...job, workers: 2 }), renderBatch(1, 50, 70)];
  expect(theirs.captions).toEqual(ours.captions);
  expect(Buffer.compare(theirs.images, ours.images)).toBe(0);
});

test("workers render world 2, with its pencil drawings", async () => {
  const job = { seed: 1, start: 50, count: 6 };
  const world = { world: 2, pencil: 0.5 } as const;
  const [theirs, ours] = [
    await renderInWorkers({ ...job, ...world, workers: 1 }),
    renderBatch(1, 50, 6, world),
  ];
  expect(theirs.captions).toEqual(ours.captions);
  expect(theirs.captions.some((caption) => caption.startsWith("a pencil drawing of"))).toBe(true);
  expect(Buffer.compare(theirs.images, ours.images)).toBe(0);
  expect(ours.captions[3]).toBe(tinyworld(world).captionOf({ seed: 1, index: 53 }));
});

test("a worker's mistake reaches the caller", async () => {
  await expect(renderInWorkers({ seed: -1, start: 0, count: 1, workers: 1 })).rejects.toThrow(
    /expected seed/,
  );
});
