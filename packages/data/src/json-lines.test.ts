import { readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isControlNetError } from "@controlnet-js/core";
import sharp from "sharp";
import { afterEach, describe, expect, test } from "vitest";
import { type FileDataset, identityOf } from "./dataset.js";
import { type JsonLinesOptions, openJsonLines } from "./json-lines.js";
import { SampleError } from "./sample-error.js";
import { splitDataset } from "./split-dataset.js";
import { labelCondition, steppedCondition } from "./testing/conditions.js";
import { temporaryFolder, writeJsonLinesFolder, writePicture, writeRaw } from "./testing/folders.js";

const folders: string[] = [];
afterEach(() => Promise.all(folders.splice(0).map((dir) => rm(dir, { recursive: true, force: true }))));

const size32 = { width: 32, height: 32 };

async function folderOf(count: number, size?: { width: number; height: number }): Promise<string> {
  const dir = await writeJsonLinesFolder(count, size);
  folders.push(dir);
  return dir;
}

const openHere = (dir: string, more: Partial<JsonLinesOptions> = {}): Promise<FileDataset> =>
  openJsonLines(dir, { condition: steppedCondition, size: size32, workers: 0, ...more });

async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; skippable?: boolean }> {
  const error = await promise.then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  );
  if (!isControlNetError(error)) throw error;
  const { code, message } = error;
  return error instanceof SampleError ? { code, message, skippable: error.skippable } : { code, message };
}

async function folderWithLine(line: object | string): Promise<string> {
  const dir = await folderOf(1);
  const first = JSON.stringify({ source: "source/0.png", target: "target/0.png", prompt: "fine" });
  await writeFile(
    join(dir, "prompt.json"),
    `${first}\n\n${typeof line === "string" ? line : JSON.stringify(line)}\n`,
  );
  return dir;
}

describe("a good dataset", () => {
  test("gives picture, map, caption and name", async () => {
    const dataset = await openHere(await folderOf(3));
    expect(dataset.size).toBe(3);
    expect(dataset.describe()).toContain("3 samples, condition stepped, 32x32");
    const { image, map, ...rest } = await dataset.load(2);
    expect(rest).toEqual({ index: 2, name: join("target", "2.png"), caption: "picture 2" });
    expect([image.width, image.height, image.channels, image.data.length]).toEqual([32, 32, 3, 3072]);
    expect([...image.data.slice(0, 3)]).toEqual([12, 0, 0]);
    expect([...map.data.slice(0, 3), ...map.data.slice(-3)]).toEqual([0, 0, 0, 255, 255, 255]);
  });

  test("is the same data in another folder, and other data with another list", async () => {
    const [dir, moved] = [await folderOf(2), await folderOf(2)];
    const identity = async (folder: string, more: Partial<JsonLinesOptions> = {}) =>
      identityOf(splitDataset(await openHere(folder, more), { heldOut: { count: 1 }, seed: 1 }).train);
    expect(await identity(moved)).toBe(await identity(dir));
    expect(await identity(dir)).not.toContain(dir);
    const before = await identity(dir);
    expect(await identity(dir, { size: { width: 16, height: 16 } })).not.toBe(before);
    const list = await readFile(join(dir, "prompt.json"), "utf8");
    await writeFile(join(dir, "prompt.json"), list.replace("picture 1", "another caption"));
    expect(await identity(dir)).not.toBe(before);
  });

  test("is cropped around the centre after scaling, map and image alike", async () => {
    // 96x32 to 16x16: scaled to 48x16, columns 16 to 31 remain; the edge at the middle lands at column 8.
    const dataset = await openHere(await folderOf(1, { width: 96, height: 32 }), {
      size: { width: 16, height: 16 },
    });
    const { image, map } = await dataset.load(0);
    const reds = Array.from({ length: 16 }, (_, x) => image.data[x * 3]!);
    expect(reds.slice(0, 7).every((red) => Math.abs(red - 10) < 12)).toBe(true);
    expect(reds.slice(9).every((red) => Math.abs(red - 240) < 12)).toBe(true);
    expect(map.data[6 * 3]).toBe(0);
    expect(map.data[9 * 3]).toBe(255);
  });

  test("turns pictures upright by EXIF", async () => {
    const dir = await folderOf(1);
    await writePicture(join(dir, "flat.png"), { width: 64, height: 32 });
    await sharp(join(dir, "flat.png"))
      .withExif({ IFD0: { Orientation: "6" } })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toFile(join(dir, "target/0.jpg"));
    await writePicture(join(dir, "source/0.png"), { width: 32, height: 64, left: { r: 0, g: 0, b: 0 } });
    await writeFile(
      join(dir, "prompt.json"),
      '{"source":"source/0.png","target":"target/0.jpg","prompt":"p"}',
    );
    const { image } = await (await openHere(dir, { size: { width: 32, height: 64 } })).load(0);
    // Turned by 90 degrees clockwise, left becomes top.
    expect(image.data[1]).toBeGreaterThan(180);
    expect(image.data.at(-2)).toBeLessThan(120);
  });

  test("lays transparent pictures over white", async () => {
    const dir = await folderOf(1);
    await writePicture(join(dir, "target/0.png"), {
      left: { r: 255, g: 0, b: 0, alpha: 0 },
      right: { r: 0, g: 0, b: 255, alpha: 1 },
    });
    const { image } = await (await openHere(dir)).load(0);
    expect([...image.data.slice(0, 3)]).toEqual([255, 255, 255]);
    expect([...image.data.slice(-3)]).toEqual([0, 0, 255]);
  });

  test("keeps label values when it scales them, and reads grey from a file of equal channels", async () => {
    const dir = await folderOf(1, { width: 64, height: 64 });
    const labels = new Uint8Array(64 * 64).map((_, i) => [0, 40, 120][(i >> 3) % 3]!);
    for (const bytes of [
      labels,
      Uint8Array.from({ length: labels.length * 3 }, (_, i) => labels[Math.floor(i / 3)]!),
    ]) {
      await writeRaw(join(dir, "source/0.png"), bytes, 64, 64);
      const { map } = await (
        await openHere(dir, { condition: labelCondition, size: { width: 24, height: 24 } })
      ).load(0);
      expect(map.channels).toBe(1);
      expect([...new Set(map.data)].sort((a, b) => a - b)).toEqual([0, 40, 120]);
    }
  });

  test("reads a grey map for a condition of three channels", async () => {
    const dir = await folderOf(1);
    await writeRaw(
      join(dir, "source/0.png"),
      new Uint8Array(1024).map((_, i) => (i % 5 ? 0 : 255)),
      32,
      32,
    );
    const { map } = await (await openHere(dir)).load(0);
    expect([map.channels, ...map.data.slice(0, 6)]).toEqual([3, 255, 255, 255, 0, 0, 0]);
  });
});

describe("a bad list", () => {
  test.each([
    ["malformed JSON", '{"source": "a.png", ', "format", /prompt\.json:3: malformed JSON/],
    ["an array", "[1, 2]", "format", /prompt\.json:3: expected a JSON object/],
    [
      "a missing field",
      { source: "a.png", targt: "b.png", prompt: "c" },
      "format",
      /:3: expected a string "target".*"targt"/,
    ],
    [
      "a field of the wrong type",
      { source: "a.png", target: 3, prompt: "c" },
      "format",
      /:3: expected a string "target", got 3/,
    ],
    [
      "an empty prompt",
      { source: "a.png", target: "b.png", prompt: "  " },
      "data",
      /prompt\.json:3: empty prompt/,
    ],
    [
      "a path upwards",
      { source: "../a.png", target: "b.png", prompt: "c" },
      "data",
      /:3: expected a path inside .*\.\.\/a\.png/,
    ],
    [
      "a hidden path upwards",
      { source: "a.png", target: "x/../../b.png", prompt: "c" },
      "data",
      /:3: expected a path inside/,
    ],
    [
      "an absolute path",
      { source: "/etc/passwd", target: "b.png", prompt: "c" },
      "data",
      /:3: expected a path inside/,
    ],
  ])("%s is refused with its line", async (_, line, code, message) => {
    const failure = await failureOf(openHere(await folderWithLine(line)));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(message);
  });

  test("no list at all names the file", async () => {
    const dir = await temporaryFolder();
    folders.push(dir);
    expect(await failureOf(openHere(dir))).toMatchObject({
      code: "missing",
      message: expect.stringContaining("prompt.json"),
    });
  });

  test("an empty prompt is fine where allowed", async () => {
    const dir = await folderWithLine({ source: "source/0.png", target: "target/0.png", prompt: "" });
    expect((await (await openHere(dir, { allowEmptyCaptions: true })).load(1)).caption).toBe("");
  });

  test("a resolution that the autoencoder cannot halve thrice names the nearest", async () => {
    const failure = await failureOf(openHere(await folderOf(1), { size: { width: 32, height: 30 } }));
    expect(failure).toMatchObject({ code: "config", message: expect.stringContaining("nearest: 32") });
  });
});

describe("a bad sample", () => {
  test("missing file: named, skippable", async () => {
    const dir = await folderOf(1);
    await rm(join(dir, "source/0.png"));
    const failure = await failureOf((await openHere(dir)).load(0));
    expect(failure).toMatchObject({
      code: "missing",
      skippable: true,
      message: expect.stringContaining("source/0.png"),
    });
  });

  test.each([
    ["text", (file: string) => writeFile(file, "not an image")],
    ["an empty file", (file: string) => writeFile(file, "")],
    [
      "a file cut short",
      async (file: string) => {
        await sharp({
          create: {
            width: 32,
            height: 32,
            channels: 3,
            background: "red",
            noise: { type: "gaussian", mean: 128, sigma: 30 },
          },
        })
          .png()
          .toFile(file);
        await truncate(file, 600);
      },
    ],
    [
      "SVG",
      (file: string) => writeFile(file, '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>'),
    ],
  ])("unreadable file (%s): named, skippable", async (_, damage) => {
    const dir = await folderOf(1);
    await damage(join(dir, "target/0.png"));
    const failure = await failureOf((await openHere(dir)).load(0));
    expect(failure).toMatchObject({
      code: "format",
      skippable: true,
      message: expect.stringContaining("target/0.png: unreadable"),
    });
  });

  test("more pixels than allowed: refused before decoding", async () => {
    const failure = await failureOf((await openHere(await folderOf(1), { maxPixels: 1000 })).load(0));
    expect(failure).toMatchObject({
      code: "format",
      message: expect.stringMatching(/target\/0\.png.*pixel/),
    });
  });

  test("map and image of different size: an error with both sizes", async () => {
    const dir = await folderOf(1);
    await writePicture(join(dir, "source/0.png"), { width: 40, height: 32 });
    const failure = await failureOf((await openHere(dir)).load(0));
    expect(failure).toMatchObject({ code: "shape", skippable: false });
    expect(failure.message).toMatch(/source\/0\.png: the map is 40x32, its image .*target\/0\.png is 32x32/);
  });

  test("map out of range: an error with the values", async () => {
    const dir = await folderOf(1);
    await writeRaw(
      join(dir, "source/0.png"),
      new Uint8Array(1024).map((_, i) => i % 200),
      32,
      32,
    );
    const failure = await failureOf((await openHere(dir, { condition: labelCondition })).load(0));
    expect(failure).toMatchObject({ code: "range", skippable: false });
    expect(failure.message).toMatch(/source\/0\.png: condition "label": .*bytes 0 to 128, got 0 to 199/);
  });

  test("map of the wrong channels, or transparent: an error", async () => {
    const dir = await folderOf(1);
    await writePicture(join(dir, "source/0.png"));
    expect(await failureOf((await openHere(dir, { condition: labelCondition })).load(0))).toMatchObject({
      code: "shape",
      message: expect.stringMatching(/source\/0\.png.*expected a map of 1 channels, got 3/),
    });
    await writePicture(join(dir, "source/0.png"), {
      left: { r: 0, g: 0, b: 0, alpha: 0 },
      right: { r: 255, g: 255, b: 255, alpha: 1 },
    });
    expect(await failureOf((await openHere(dir)).load(0))).toMatchObject({
      code: "shape",
      message: expect.stringMatching(/source\/0\.png.*transparent/),
    });
  });

  test("blank map: an error where the condition says so", async () => {
    const dir = await folderOf(1);
    const black = { r: 0, g: 0, b: 0 };
    await writePicture(join(dir, "source/0.png"), { left: black, right: black });
    expect(await failureOf((await openHere(dir)).load(0))).toMatchObject({
      code: "data",
      skippable: false,
      message: expect.stringMatching(/source\/0\.png.*blank/),
    });
    const condition = { ...steppedCondition, blankIsError: false };
    expect((await (await openHere(dir, { condition })).load(0)).map.data.every((byte) => byte === 0)).toBe(
      true,
    );
  });

  test("a link that leaves the folder: refused unless meant", async () => {
    const [dir, other] = [await folderOf(1), await folderOf(1)];
    await rm(join(dir, "target/0.png"));
    await symlink(join(other, "target/0.png"), join(dir, "target/0.png"));
    expect(await failureOf((await openHere(dir)).load(0))).toMatchObject({
      code: "data",
      message: expect.stringMatching(/target\/0\.png: a link leads outside/),
    });
    expect((await (await openHere(dir, { followLinks: true })).load(0)).image.width).toBe(32);
  });

  test("an index outside is a range error", async () => {
    expect(await failureOf((await openHere(await folderOf(1))).load(1))).toMatchObject({ code: "range" });
  });
});
