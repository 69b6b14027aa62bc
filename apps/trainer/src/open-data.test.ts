import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { cannyCondition } from "@controlnet-js/preprocessors";
import { readImage } from "@controlnet-js/preprocessors/node";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { detectPicture } from "./detect/detect-picture.js";
import { openData } from "./open-data.js";
import { readTrainConfig } from "./train-config.js";

const folder = mkdtempSync(join(tmpdir(), "open-data-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a held-out picture that can't be read ends the run and says what it is for", async () => {
  for (let i = 0; i < 3; i++) {
    writeFileSync(join(folder, `${i}.png`), "no picture");
    writeFileSync(join(folder, `${i}.txt`), "red ball");
  }
  const file = join(folder, "train.yaml");
  writeFileSync(file, "data: { kind: image-folder, dir: . }\noutput: x\n");
  const config = readTrainConfig(file, ["dataOptions={ heldOut: 1, workers: 0, width: 32, height: 32 }"]);
  if (config.task !== "controlnet") throw new Error(config.task);
  const condition = cannyCondition as never;
  const data = await openData(
    config,
    { condition, source: condition, detects: true, marks: {} },
    () => undefined,
  );
  const error = {
    code: "format",
    message: expect.stringMatching(/\d\.png: unreadable.*held out for validation/),
  };
  await expect(data.heldOut.load(0)).rejects.toMatchObject(error);
  await expect(data.train.load(0)).rejects.toThrow(/unreadable image \([^;]*\)$/);
  await data.close();
});

test("a photograph has the map in training that detect makes, whatever its colours, depth and orientation", async () => {
  const photos = join(folder, "photos");
  mkdirSync(photos);
  const side = 64;
  // Far from grey, so that another reading of the colours moves edges.
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [pixel, c] = [Math.floor(i / 3), i % 3];
    const level = (((pixel % side) >> 4) + (pixel >> 9)) % 3;
    return c === 0 ? 120 + 60 * level : c === 1 ? 20 + 60 * level : 30;
  });
  const photo = sharp(data, { raw: { width: side, height: side, channels: 3 } });
  const wide = photo.clone().withIccProfile("p3");
  const files = {
    "wide.jpg": wide.clone().jpeg({ quality: 95 }),
    "deep.png": wide.clone().toColourspace("rgb16").png(),
    "turned.jpg": photo.clone().jpeg().withMetadata({ orientation: 6 }),
    "clear.png": photo.clone().ensureAlpha(0.8).png(),
    "inks.jpg": photo.clone().toColourspace("cmyk").jpeg(),
    "plain.webp": photo.clone().webp(),
  };
  for (const [name, encoded] of Object.entries(files)) {
    writeFileSync(join(photos, name), await encoded.toBuffer());
    writeFileSync(join(photos, `${name.split(".")[0]}.txt`), "a photograph");
  }
  const file = join(folder, "photos.yaml");
  writeFileSync(file, "data: { kind: image-folder, dir: photos }\noutput: x\n");
  const config = readTrainConfig(file, [
    `dataOptions={ heldOut: 1, workers: 0, width: ${side}, height: ${side} }`,
  ]);
  if (config.task !== "controlnet") throw new Error(config.task);
  const condition = cannyCondition as never;
  const opened = await openData(
    config,
    { condition, source: condition, detects: true, marks: {} },
    () => undefined,
  );
  const sets = [opened.train, opened.heldOut];
  const samples = (
    await Promise.all(sets.map((set) => Promise.all(Array.from({ length: set.size }, (_, i) => set.load(i)))))
  ).flat();
  expect(samples.length).toBe(Object.keys(files).length);
  for (const { name, map, image } of samples) {
    const out = join(folder, "map.png");
    const picture = join(photos, basename(name));
    await detectPicture(
      { condition, options: config.conditionOptions, size: undefined } as never,
      picture,
      out,
    );
    expect(map.data.some((value) => value > 0)).toBe(true);
    expect(await readImage(out), name).toEqual(map);
    expect(await readImage(picture)).toEqual(image);
  }
  await opened.close();
});
