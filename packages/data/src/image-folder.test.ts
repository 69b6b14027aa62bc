import { rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterEach, expect, test } from "vitest";
import { withHoles } from "./holes.js";
import { type ImageFolderOptions, openImageFolder } from "./image-folder.js";
import { loadCondition } from "./load-condition.js";
import { splitDataset } from "./split-dataset.js";
import { badCondition, steppedCondition } from "./testing/conditions.js";
import { conditionsModule, temporaryFolder, writeImageFolder, writePicture } from "./testing/folders.js";

const folders: string[] = [];
afterEach(() => Promise.all(folders.splice(0).map((dir) => rm(dir, { recursive: true, force: true }))));

async function folderOf(count: number): Promise<string> {
  const dir = await writeImageFolder(count);
  folders.push(dir);
  return dir;
}

const openHere = (dir: string, more: Partial<ImageFolderOptions> = {}) =>
  openImageFolder(dir, { condition: steppedCondition, size: 32, workers: 0, ...more });

test("pictures come in the order of their names, with captions and computed maps", async () => {
  const dir = await folderOf(3);
  await writePicture(join(dir, "below/deep.webp"));
  await writeFile(join(dir, "below/deep.txt"), "deep");
  await writePicture(join(dir, ".hidden/no.png"));
  const dataset = await openHere(dir);
  expect(dataset.size).toBe(4);
  const samples = await Promise.all([0, 1, 2, 3].map((i) => dataset.load(i)));
  expect(samples.map(({ name }) => name)).toEqual([
    "000.png",
    "001.png",
    "002.png",
    join("below", "deep.webp"),
  ]);
  expect(samples.map(({ caption }) => caption)).toEqual(["picture 0", "picture 1", "picture 2", "deep"]);
  const row = Array.from({ length: 32 }, (_, x) => samples[0]!.map.data[x * 3]!);
  expect(row.map((value, x) => (value ? x : -1)).filter((x) => x >= 0)).toEqual([16]);
});

test("captions come from metadata.jsonl where it exists", async () => {
  const dir = await folderOf(2);
  await writeFile(join(dir, "metadata.jsonl"), '{"file_name":"001.png","text":"only this","more":1}\n');
  const dataset = await openHere(dir);
  expect([dataset.size, (await dataset.load(0)).caption]).toEqual([1, "only this"]);
  expect((await openHere(dir, { captions: "text-files" })).size).toBe(2);
  await writeFile(join(dir, "metadata.jsonl"), '{"file_name":"../001.png","text":"outside"}\n');
  await expect(openHere(dir)).rejects.toThrow(/metadata\.jsonl:1: expected a path inside/);
});

test("a missing or empty caption is an error that names the file, unless allowed", async () => {
  const dir = await folderOf(2);
  await rm(join(dir, "000.txt"));
  await writeFile(join(dir, "001.txt"), " \n");
  await expect(openHere(dir)).rejects.toThrow(/000\.txt: cannot read the caption/);
  const lenient = await openHere(dir, { allowEmptyCaptions: true });
  expect([(await lenient.load(0)).caption, (await lenient.load(1)).caption]).toEqual(["", ""]);
  await writeFile(join(dir, "000.txt"), "here");
  const strict = await openHere(dir);
  await expect(strict.load(1)).rejects.toThrow(/001\.txt: empty caption/);
  await rm(join(dir, "000.txt"));
  await expect(strict.load(0)).rejects.toThrow(/000\.txt: cannot read the caption/);
});

test("a folder of pictures alone is refused before a run begins, with the way out", async () => {
  const dir = await folderOf(3);
  for (const i of [0, 1, 2]) await rm(join(dir, `00${i}.txt`));
  await expect(openHere(dir)).rejects.toMatchObject({
    code: "missing",
    message: expect.stringMatching(/000\.png and of 2 more of 3 pictures.*allowEmptyCaptions: true/),
  });
});

test("what its maps are and their size go with the data into the parts and holes made of it", async () => {
  const dataset = await openHere(await folderOf(2), { conditionOptions: { threshold: 30 } });
  const known = {
    maps: { condition: "stepped", channels: 3, range: [0, 1], options: { threshold: 30 } },
    resolution: { width: 32, height: 32 },
  };
  const { train, heldOut } = splitDataset(dataset, { heldOut: { count: 1 }, seed: 0 });
  for (const each of [dataset, train, heldOut, withHoles(train, { seed: 0 })])
    expect(each).toMatchObject(known);
});

test("a computed map that is blank costs only its sample; a condition that throws is named with the file", async () => {
  const dir = await folderOf(1);
  const red = { r: 250, g: 0, b: 0 };
  await writePicture(join(dir, "000.png"), { left: red, right: red });
  await expect((await openHere(dir)).load(0)).rejects.toMatchObject({ code: "data", skippable: true });
  const bad = await openHere(dir, { condition: badCondition, conditionOptions: { how: "throw" } });
  await expect(bad.load(0)).rejects.toThrow(/000\.png: condition "bad" failed: no red please/);
});

test("options are checked when the dataset is opened", async () => {
  const dir = await folderOf(1);
  await expect(openHere(dir, { conditionOptions: { treshold: 3 } })).rejects.toThrow(
    /did you mean "threshold"/,
  );
  await expect(openHere(dir, { conditionOptions: { threshold: 300 } })).rejects.toThrow(/threshold/);
  const none = await (await openHere(dir, { conditionOptions: { threshold: 20 } })).load(0);
  expect(none.map.data.some((value) => value > 0)).toBe(true);
});

test("a folder without images, or no folder, is missing", async () => {
  const dir = await temporaryFolder();
  folders.push(dir);
  await expect(openHere(dir)).rejects.toMatchObject({ code: "missing" });
  await expect(openHere(join(dir, "nowhere"))).rejects.toMatchObject({ code: "missing" });
});

test("a condition is loaded by file and export, and mistakes say what there is", async () => {
  const module = conditionsModule;
  expect((await loadCondition({ module, export: "steppedCondition" })).name).toBe("stepped");
  await expect(loadCondition({ module, export: "stepedCondition" })).rejects.toThrow(
    /did you mean "steppedCondition"/,
  );
  await expect(loadCondition({ module })).rejects.toThrow(/name the export to use/);
  const fromHere = relative(process.cwd(), module);
  expect(fromHere.startsWith(".")).toBe(false);
  expect((await loadCondition({ module: fromHere, export: "labelCondition" })).name).toBe("label");
  await expect(loadCondition({ module: "./no-such-file.js" })).rejects.toMatchObject({ code: "missing" });
  await expect(loadCondition({ module: "no-such-package-here" })).rejects.toMatchObject({ code: "missing" });
});
