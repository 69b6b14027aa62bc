import { readFileSync } from "node:fs";
import { crc32 } from "@controlnet-js/core";
import { expect, test } from "vitest";
import { asImage, readFixture } from "../testing/read-fixture.js";
import { type PillowFilter, resizePillow } from "./resize-pillow.js";

// Of tooling/reference/annotators/upernet.py: sizes of which both, one or no side shrinks.
const picture = asImage(readFixture("upernet/upernet.bin.gz")["folder.picture"]!);
const sizes: [width: number, height: number, filter: PillowFilter, checksum: number][] = JSON.parse(
  readFileSync(new URL("../../fixtures/upernet/resize.json", import.meta.url), "utf8"),
);

test.each(sizes)("%i x %i, %s: every byte is Pillow's", (width, height, filter, checksum) => {
  const { data, ...size } = resizePillow(picture, width, height, filter);
  expect(size).toEqual({ width, height, channels: 3 });
  expect(crc32(data)).toBe(checksum);
});
