import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { canny } from "./canny.js";
import { readImages, readJson } from "./testing/read-fixture.js";

const pictures = readImages("pictures.bin.gz");
type Case = [
  picture: string,
  low: number,
  high: number,
  aperture: 3 | 5 | 7,
  l2: number,
  edges: number,
  sha: string,
];
const { cases } = readJson<{ cases: Case[] }>("canny.json");

test.each(Object.entries(pictures))("canny equals cv2.Canny in every pixel: %s", (name, picture) => {
  const own = cases.filter((c) => c[0] === name);
  expect(own.length).toBe(48);
  for (const [, low, high, aperture, l2, count, sha] of own) {
    const edges = canny(picture, { low, high, aperture, l2Gradient: l2 === 1 });
    const where = `${name} ${low} ${high} ${aperture} ${l2}`;
    expect(`${where}: ${edges.data.filter((v) => v === 255).length}`).toBe(`${where}: ${count}`);
    expect(`${where}: ${createHash("sha256").update(edges.data).digest("hex").slice(0, 16)}`).toBe(
      `${where}: ${sha}`,
    );
  }
});

test("canny refuses what has no meaning", () => {
  const image = pictures.noise!;
  expect(() => canny(image, { low: Number.NaN })).toThrow(/finite thresholds/);
  expect(() => canny(image, { aperture: 4 as 3 })).toThrow(/aperture of 3, 5 or 7, got 4/);
  expect(() => canny({ ...image, channels: 2 })).toThrow(/1, 3 or 4 channels, got 2/);
  expect(() => canny({ ...image, width: 84 })).toThrow(/84x61x3 needs 15372 values, got 15189/);
  expect(() => canny({ data: new Uint8Array(0), width: 0, height: 0, channels: 1 })).toThrow(/at least 1/);
});
