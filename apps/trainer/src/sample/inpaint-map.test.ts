import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Image } from "@controlnet-js/core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inpaintMapMaker } from "./inpaint-map.js";
import type { MapRequest } from "./picture-options.js";
import { type GivenParameters, mergeParameters } from "./sample-parameters.js";

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "inpaint-map-"));
  const raw = (channels: 1 | 3 | 4) => ({ raw: { width: 16, height: 8, channels } }) as const;
  const isLeft = (i: number) => i % 16 < 8;
  const each = (values: (left: boolean) => number[]) =>
    Uint8Array.from(Array.from({ length: 128 }, (_, i) => values(isLeft(i))).flat());
  await sharp(
    each((left) => [51, 102, 204, left ? 0 : 255]),
    raw(4),
  ).toFile(at("hole.png"));
  await sharp(
    each(() => [51, 102, 204]),
    raw(3),
  ).toFile(at("whole.png"));
  await sharp(
    each((left) => [left ? 255 : 0]),
    raw(1),
  ).toFile(at("mask.png"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const map = (argument: { image?: string }, given: GivenParameters, size?: MapRequest["size"]) =>
  inpaintMapMaker(
    { path: "net", condition: "inpaint", strength: 1, start: 0, end: 1, ...argument },
    mergeParameters(given),
  )({ size, multiple: 8 } as MapRequest) as Promise<Image<Float32Array>>;
const pixel = ({ data, width }: Image<Float32Array>, x: number, y: number) =>
  [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)].map(
    (value) => Math.round(value * 100) / 100,
  );

test.each<[string, { image?: () => string }, () => GivenParameters]>([
  ["where the picture is transparent", { image: () => at("hole.png") }, () => ({})],
  [
    "where the mask over the initial image is white",
    {},
    () => ({ initImage: at("whole.png"), mask: at("mask.png") }),
  ],
])("the map is -1 %s", async (_, { image }, given) => {
  const made = await map(image ? { image: image() } : {}, given());
  expect([made.width, made.height, made.channels]).toEqual([16, 8, 3]);
  expect([pixel(made, 7, 7), pixel(made, 8, 0)]).toEqual([
    [-1, -1, -1],
    [0.2, 0.4, 0.8],
  ]);
  const small = await map(image ? { image: image() } : {}, given(), { width: 8, height: 8 });
  expect([pixel(small, 3, 0), pixel(small, 4, 7)]).toEqual([
    [-1, -1, -1],
    [0.2, 0.4, 0.8],
  ]);
});

test("a picture without a hole, or none, is told of", async () => {
  await expect(map({ image: at("whole.png") }, {})).rejects.toThrow(
    /needs to know where to paint: .*whole\.png is not/,
  );
  await expect(map({}, {})).rejects.toThrow(
    /--condition inpaint needs a picture: --image after it, or --init-image/,
  );
});
