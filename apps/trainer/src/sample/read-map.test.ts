import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Image } from "@controlnet-js/core";
import { builtInConditions } from "@controlnet-js/preprocessors";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDetector } from "../conditions/detector.js";
import { writeMap } from "../conditions/map-file.js";
import { fitMap, roundedDown } from "./fit-map.js";
import { mapOrigin, readMap } from "./read-map.js";

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "maps-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pattern = (width: number, height: number, channels: number): Image => ({
  data: Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 31) % 256),
  width,
  height,
  channels,
});

test("a PNG comes in as it is: colours, hidden colours, grey, for nets of three channels and of one", async () => {
  const raw = ({ data, width, height, channels }: Image) =>
    sharp(data, { raw: { width, height, channels: channels as 1 | 3 | 4 } }).png();
  const rgb = pattern(5, 4, 3);
  await raw(rgb).toFile(at("rgb.png"));
  expect(await readMap(at("rgb.png"), 3)).toEqual(rgb);
  const rgba = pattern(5, 4, 4);
  await raw(rgba).toFile(at("rgba.png"));
  const opaque = rgba.data.filter((_, i) => i % 4 !== 3);
  expect((await readMap(at("rgba.png"), 3)).data).toEqual(opaque);
  expect(await readMap(at("rgba.png"), 4)).toMatchObject({ width: 5, height: 4, channels: 4 });
  expect([...(await readMap(at("rgba.png"), 4)).data]).toEqual([...rgba.data]);
  const grey = pattern(5, 4, 1);
  await raw(grey).toColourspace("b-w").toFile(at("grey.png"));
  expect((await readMap(at("grey.png"), 1)).data).toEqual(grey.data);
  const repeated = Uint8Array.from({ length: 60 }, (_, i) => grey.data[Math.floor(i / 3)]!);
  expect((await readMap(at("grey.png"), 3)).data).toEqual(repeated);
});

test.each([3, 1, 2, 6])("a map of %i channels that detect wrote comes back as it was", async (channels) => {
  const map = pattern(6, 4, channels);
  const { condition, options } = await openDetector({ condition: "canny", options: {} });
  await writeMap(at(`map-${channels}.png`), map, { condition: { ...condition, channels }, options });
  expect(await readMap(at(`map-${channels}.png`), channels)).toEqual(map);
  expect(mapOrigin(at(`map-${channels}.png`))).toEqual({
    condition: "canny",
    channels: builtInConditions.canny.channels,
  });
});

test("what can't be a map of so many channels is named", async () => {
  await sharp({ create: { width: 4, height: 5, channels: 3, background: "#123" } }).toFile(at("odd.png"));
  await expect(readMap(at("odd.png"), 6)).rejects.toThrow(/odd\.png: expected the 6 channels .* 2 pictures/);
  await expect(readMap(at("none.png"), 3)).rejects.toThrow(/none\.png/);
  expect(mapOrigin(at("odd.png"))).toBeUndefined();
});

test("a map of another shape is cropped around its middle; labels are not mixed", () => {
  const labels: Image = { data: Uint8Array.of(9, 1, 2, 9, 9, 3, 4, 9), width: 4, height: 2, channels: 1 };
  const fitted = fitMap(labels, { width: 4, height: 4 }, "nearest");
  expect([...fitted.data]).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
  expect(roundedDown({ width: 517, height: 5 }, 8)).toEqual({ width: 512, height: 8 });
});
