import sharp from "sharp";
import { expect, test } from "vitest";
import { canny } from "./canny.js";
import { encodeLines } from "./encode-lines.js";
import { type ByteImage, blankImage, toRgb } from "./image.js";
import { readImages } from "./testing/read-fixture.js";

const pixels = async (png: Uint8Array) => {
  const file = sharp(png, { failOn: "warning" });
  const { channels } = await file.metadata();
  const { data, info } = await file
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: info.channels, data: new Uint8Array(data) };
};

async function expectRead(map: ByteImage, png = encodeLines(map)): Promise<void> {
  const { data, ...size } = await pixels(png!);
  const { data: wanted, ...wantedSize } = map;
  expect(size).toEqual(wantedSize);
  expect(Buffer.compare(data, wanted)).toBe(0);
}

test("readers see the map, in one channel or three", async () => {
  for (const picture of Object.values(readImages("pictures.bin.gz"))) {
    const edges = canny(picture, { low: 30, high: 60 });
    await expectRead(edges);
    await expectRead(toRgb(edges));
  }
});

test("runs of every length, at every place of a row, survive", async () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let round = 0; round < 100; round++) {
    const map = blankImage(1 + random(round < 50 ? 70 : 700), 1 + random(20), 1);
    const longest = [2, 9, 90, 900, 9000][round % 5]!;
    for (let i = random(2); i < map.data.length; ) {
      const white = 1 + random(longest);
      map.data.fill(255, i, i + white);
      i += white + 1 + random(longest);
    }
    await expectRead(round % 2 === 0 ? map : toRgb(map));
    await expectRead(toRgb(map), encodeLines(map, { channels: 3 }));
  }
  for (const value of [0, 255]) {
    const flat = blankImage(301, 211, 3);
    flat.data.fill(value);
    await expectRead(flat);
  }
});

test("texts are kept by their keywords", async () => {
  const png = encodeLines(blankImage(3, 2, 1), { text: { "how-made": "gemäß 東京" } })!;
  const { comments } = await sharp(png).metadata();
  expect(comments).toEqual([{ keyword: "how-made", text: "gemäß 東京" }]);
  for (const [keyword, value] of [
    ["", "a"],
    ["schlüssel", "a"],
    ["k".repeat(80), "a"],
    ["key", "a\0b"],
  ] as const)
    expect(() => encodeLines(blankImage(3, 2, 1), { text: { [keyword]: value } })).toThrow(
      /keyword of 1 to 79/,
    );
});

test("maps that are not black and white are left to others", () => {
  for (const [value, at] of [
    [254, 100],
    [1, 0],
    [128, 299],
  ] as const) {
    const grey = blankImage(20, 15, 1);
    grey.data[at] = value;
    expect(encodeLines(grey)).toBeUndefined();
  }
  for (let at = 0; at < 30 * 9; at++) {
    const coloured = blankImage(30, 3, 3);
    coloured.data[at] = 255;
    expect(encodeLines(coloured)).toBeUndefined();
  }
  expect(() => encodeLines(blankImage(2, 2, 4))).toThrow(/1 or 3 channels, got 4/);
  expect(() => encodeLines(blankImage(2, 2, 3), { channels: 1 })).toThrow(/3 channels makes no file of 1/);
});
