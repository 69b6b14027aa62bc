import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { overWhite } from "../alpha.js";
import { crop, resizeToResolution } from "../fit.js";
import { gaussianBlur, gaussianBlurFloat } from "../gaussian-blur.js";
import { type ByteImage, toGrey } from "../image.js";
import { readFixture, readImages } from "../testing/read-fixture.js";
import { binary, otsuThreshold } from "./binary.js";
import { depthMap } from "./depth.js";
import { lineartStandard } from "./lineart-standard.js";
import { normalFromDepth } from "./normal-from-depth.js";
import { recolour } from "./recolour.js";
import { fakeScribble, scribble, scribbleXdog } from "./scribble.js";
import { remap, smoothNoise } from "./shuffle.js";
import { softEdges } from "./soft-edges.js";
import { tileResample } from "./tile.js";

const pictures = readImages("pictures.bin.gz");
const arrays = readFixture("maps.bin.gz");
const bytes = (key: string): ByteImage => {
  const { shape, data } = arrays[key]!;
  return { data: new Uint8Array(data), height: shape[0]!, width: shape[1]!, channels: shape[2] ?? 1 };
};
const floats = (key: string) => ({ ...bytes(key), data: arrays[key]!.data as Float32Array });

/** The share of values that differ, and by how much at most. */
function compare(map: ByteImage, key: string): { share: number; worst: number } {
  const wanted = bytes(key);
  expect([map.width, map.height, map.channels]).toEqual([wanted.width, wanted.height, wanted.channels]);
  let unequal = 0;
  let worst = 0;
  for (let i = 0; i < wanted.data.length; i++) {
    const difference = Math.abs(map.data[i]! - wanted.data[i]!);
    if (difference > 0) unequal++;
    worst = Math.max(worst, difference);
  }
  return { share: unequal / wanted.data.length, worst };
}
const equal = { share: 0, worst: 0 };

test.each(["astronaut", "coffee", "drawing"])("classical maps equal the reference: %s", (name) => {
  const picture = crop(pictures[name]!, 0, 0, 80, 72);
  expect(compare(toGrey(picture), `${name} grey`)).toEqual(equal);
  for (const sigma of ["1.0", "3.0", "9.0"])
    expect({ sigma, ...compare(gaussianBlur(picture, Number(sigma)), `${name} blur ${sigma}`) }).toEqual({
      sigma,
      ...equal,
    });
  expect(compare(scribble(picture), `${name} scribble`)).toEqual(equal);
  expect(compare(binary(picture), `${name} otsu`)).toEqual(equal);
  expect(compare(fakeScribble(bytes(`${name} soft`)), `${name} fake-scribble`)).toEqual(equal);
  expect(compare(scribbleXdog(picture), `${name} xdog`)).toEqual(equal);
  expect(compare(depthMap(floats(`${name} depth`)), `${name} depth-map`)).toEqual(equal);
  for (const threshold of ["0.1", "0.4"]) {
    const normal = normalFromDepth(floats(`${name} depth`), { backgroundThreshold: Number(threshold) });
    const found = compare(normal, `${name} normal ${threshold}`);
    expect(found.worst).toBeLessThanOrEqual(1);
    expect(found.share).toBeLessThan(0.001);
  }
  expect(compare(recolour(picture), `${name} luminance`)).toEqual(equal);
  expect(compare(recolour(picture, { of: "intensity", gamma: 0.7 }), `${name} intensity 0.7`)).toEqual(equal);
});

test("line art, soft edges, alpha, the resize rule and remapping equal the reference", () => {
  expect(compare(lineartStandard(bytes("square")), "lineart")).toEqual(equal);
  expect(compare(softEdges(floats("edges"), { safe: true }), "edges safe")).toEqual(equal);
  expect(compare(softEdges(floats("edges")), "edges plain")).toEqual(equal);
  expect(compare(overWhite(bytes("rgba")), "over-white")).toEqual(equal);
  expect(compare(resizeToResolution(pictures.coffee!, 64), "resolution 64")).toEqual(equal);
  expect(compare(resizeToResolution(pictures.two!, 192), "resolution 192")).toEqual(equal);
});

test("remap equals cv2.remap", () => {
  const { flow, remap: wanted } = readFixture("remap.bin.gz");
  const half = flow!.data.length / 2;
  const [x, y] = [flow!.data.subarray(0, half), flow!.data.subarray(half)] as [Float32Array, Float32Array];
  const moved = remap(crop(pictures.houses!, 0, 0, 100, 60), x, y);
  expect(
    Buffer.from(moved.data).equals(
      Buffer.from(wanted!.data.buffer, wanted!.data.byteOffset, moved.data.length),
    ),
  ).toBe(true);
  // Halves of the 32nd parts go to even: 0.5 to 0 and 1.5 to 2.
  const pair: ByteImage = { data: Uint8Array.of(0, 64), width: 2, height: 1, channels: 1 };
  expect([...remap(pair, Float32Array.of(1 / 64, 3 / 64), new Float32Array(2)).data]).toEqual([0, 4]);
});

test("positions that are no number, or so far away that 32 bits do not hold them, are outside", () => {
  const pair: ByteImage = { data: Uint8Array.of(90, 90), width: 2, height: 1, channels: 1 };
  const inside = new Float32Array(2);
  for (const far of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    2 ** 27,
    -(2 ** 27),
    1e10,
  ])
    for (const [x, y] of [
      [Float32Array.of(far, 0), inside],
      [inside, Float32Array.of(far, 0)],
    ] as const)
      expect({ far, moved: [...remap(pair, x, y).data] }).toEqual({ far, moved: [0, 90] });
});

test("the web UI's tile_resample leaves a picture as it is below a factor of 1.1", () => {
  const picture = crop(pictures.coffee!, 0, 0, 50, 40);
  expect(tileResample(picture, 1.09)).toEqual(picture);
  expect(tileResample(picture, 1.1)).toMatchObject({ width: 45, height: 36 });
});

test("of thresholds that separate as well, Otsu's is OpenCV's", () => {
  for (const [greys, wanted] of [
    [[0, 53, 53, 53, 53, 106], 53],
    [[0, 31, 31, 31, 31, 62], 0],
    [[0, 0, 0, 41, 82, 82, 82], 0],
    [[51, 102, 51, 102, 102, 153], 51],
  ] as const)
    expect(otsuThreshold({ data: Uint8Array.from(greys), width: greys.length, height: 1, channels: 1 })).toBe(
      wanted,
    );
});

test("background is what lies below the threshold in 32-bit floats", () => {
  const depth = { data: Float32Array.of(0, 0.7, 1), width: 3, height: 1, channels: 1 };
  // 0.7 as a 32-bit float is less than 0.7.
  expect(normalFromDepth(depth, { backgroundThreshold: 0.7 }).data[3]).toBeGreaterThan(128);
  expect(normalFromDepth(depth, { backgroundThreshold: 0.71 }).data[3]).toBe(127);
});

test("the flow of a shuffle is NumPy's noise as controlnet_aux smooths it", () => {
  const noise = Array.from({ length: 6 }, (_, i) => (i * 0.37) % 1).values();
  const field = smoothNoise(5, 3, 4, () => noise.next().value!);
  const wanted = [
    [0, 0.200826910909886, 0.451447691170238, 0.702068326534108, 0.902895478938131],
    [0.048552260530935, 0.249379171440821, 0.499999951701173, 0.750620587065042, 0.951447739469065],
    [0.097104521061869, 0.297931431971756, 0.548552212232107, 0.799172847595977, 1],
  ].flat();
  expect(Math.max(...wanted.map((value, i) => Math.abs(value - field[i]!)))).toBeLessThan(1e-14);
});

test.each([
  [0.3, "f817de337db1e3f7"],
  [0.5, "ed004f276331da5d"],
  [3, "c8260ca83ebdfb2b"],
  [6, "a25dd1e1dade2e7c"],
])("a blur of floats has the bits of cv2.GaussianBlur: sigma %d", (sigma, sha) => {
  const data = Float32Array.from({ length: 11 * 13 }, (_, i) => (i * 7919) % 251);
  const blurred = gaussianBlurFloat({ data, width: 13, height: 11, channels: 1 }, sigma).data;
  expect(createHash("sha256").update(new Uint8Array(blurred.buffer)).digest("hex").slice(0, 16)).toBe(sha);
});

// Kernels of seven taps: of the six after the first, four are rounded twice at a row's end and two are fused.
test.each([
  [3, 60, 0.7, "da674f6a731ae2b4"],
  [3, 60, 0.8, "f3323572dae71651"],
  [7, 60, 0.8, "8e1105a0bc3a2f4f"],
  [11, 40, 0.8, "ef757942fe0518a3"],
])("so have the ends of narrow rows: %dx%d, sigma %d", (width, height, sigma, sha) => {
  const data = Float32Array.from({ length: width * height }, (_, i) => ((i * 7919) % 251) / 7);
  const blurred = gaussianBlurFloat({ data, width, height, channels: 1 }, sigma).data;
  expect(createHash("sha256").update(new Uint8Array(blurred.buffer)).digest("hex").slice(0, 16)).toBe(sha);
});
