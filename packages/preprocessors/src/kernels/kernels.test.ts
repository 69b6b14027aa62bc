import { expect, test } from "vitest";
import { canny } from "../canny.js";
import { cannyPlain } from "../canny-plain.js";
import { peaksPlain } from "../hough-lines-plain.js";
import { segmentsPlain } from "../hough-segments-plain.js";
import { type ByteImage, toRgb } from "../image.js";
import { resizeArea } from "../resize-area.js";
import { copyNearest, nearestPixels } from "../resize-nearest.js";
import { combineTaps } from "../resize-plain.js";
import { resizeTaps } from "../resize-taps.js";
import { readImages } from "../testing/read-fixture.js";
import { cannyKernel } from "./canny-kernel.js";
import { peaksKernel, segmentsKernel } from "./hough-kernels.js";
import { withKernels } from "./kernels.js";
import { areaKernel, nearestKernel, tapsKernel } from "./resize-kernels.js";

const pictures = Object.entries(readImages("pictures.bin.gz"));

function expectSame(what: string, kernel: ByteImage | undefined, plain: ByteImage): void {
  const isSame = kernel?.width === plain.width && Buffer.from(kernel.data).equals(Buffer.from(plain.data));
  expect({ what, isSame }).toEqual({ what, isSame: true });
}

test("this machine runs the kernels", () => {
  expect(withKernels(1, () => true)).toBe(true);
  expect(withKernels(2 ** 26, () => true)).toBeUndefined();
});

test("Canny's kernel equals its oracle", () => {
  for (const [name, picture] of pictures)
    for (const aperture of [3, 5, 7] as const)
      for (const l2Gradient of [false, true]) {
        const request = { low: l2Gradient ? 9000 : 90, high: l2Gradient ? 40000 : 200, aperture, l2Gradient };
        const plain = cannyPlain(picture, request);
        expectSame(`${name} ${aperture}`, cannyKernel(picture, request), plain);
        expectSame(`${name} ${aperture} RGB`, cannyKernel(picture, request, 3), toRgb(plain));
      }
});

test("the resizing kernels equal their oracles", () => {
  for (const [name, picture] of pictures) {
    const { width, height } = picture;
    for (const method of ["bilinear", "cubic", "lanczos4", "area-enlarging"] as const)
      for (const [w, h] of [
        [width + 9, height * 2],
        [Math.ceil(width / 3), Math.ceil(height * 0.7)],
      ] as const) {
        const [x, y] = [resizeTaps(width, w, method), resizeTaps(height, h, method)];
        expectSame(`${name} ${method}`, tapsKernel(picture, w, h, x, y), combineTaps(picture, w, h, x, y));
        const pixels = nearestPixels(picture, w, h);
        expectSame(`${name} nearest`, nearestKernel(picture, pixels), copyNearest(picture, pixels));
      }
    for (const part of [0.3, 0.51, 0.97]) {
      const [w, h] = [Math.ceil(width * part), Math.ceil(height * part)];
      expectSame(`${name} ${part}`, areaKernel(picture, w, h), resizeArea(picture, w, h));
    }
  }
});

test("shrinking in bands gives what one piece gives", () => {
  for (const [width, height, channels, w, h] of [
    [500, 900, 3, 64, 128],
    [513, 1200, 1, 13, 1199],
    [320, 600, 3, 64, 24],
    [801, 277, 4, 800, 277],
    [50_000, 9, 3, 3, 2],
  ] as const) {
    const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 7919) >> 5);
    const picture = { data, width, height, channels };
    expectSame(`${width}x${height}x${channels}`, areaKernel(picture, w, h), resizeArea(picture, w, h));
  }
});

test("the Hough kernels equal their oracles", () => {
  for (const [name, picture] of pictures) {
    const edges = canny(picture);
    const angles = Array.from({ length: 90 }, (_, n) => (n * Math.PI) / 90);
    const cosines = Float32Array.from(angles, Math.cos);
    const sines = Float32Array.from(angles, Math.sin);
    const distances = 2 * (edges.width + edges.height) + 1;
    const request = { tables: { cosines, sines }, distances, threshold: 15, length: 8, gap: 2 };
    expect({ name, found: segmentsKernel(edges, request) }).toEqual({
      name,
      found: segmentsPlain(edges, request),
    });
    const points = [...edges.data.keys()].filter((i) => edges.data[i]);
    const xs = Float32Array.from(points, (i) => i % edges.width);
    const ys = Float32Array.from(points, (i) => Math.floor(i / edges.width));
    const centre = (distances - 1) / 2 + 1;
    const lines = { xs, ys, cosines, sines, distances, centre, threshold: 12 };
    const [kernel, plain] = [peaksKernel(lines)!, peaksPlain(lines)];
    expect(Array.from(kernel.at)).toEqual(plain.at);
    expect(Array.from(kernel.votes)).toEqual(plain.votes);
  }
});

test("votes beside the accumulator, where rho is longer than the sides, are counted from zero", () => {
  const edges = canny(pictures.find(([name]) => name === "houses")![1]);
  for (const [distances, rho] of [
    [0, 900],
    [1, 300],
    [2, 160],
  ] as const)
    for (const threshold of [1, 3, 9]) {
      const tables = { cosines: Float32Array.of(1 / rho, 0), sines: Float32Array.of(0, 1 / rho) };
      const request = { tables, distances, threshold, length: 2, gap: 2 };
      const plain = segmentsPlain(edges, request);
      // What other kernels left in the memory.
      withKernels(1, (kernels) => {
        const before = kernels.allocate(Uint8Array, 2 ** 20);
        kernels.view(Uint8Array, before, 2 ** 20).fill(1);
      });
      expect({ rho, threshold, found: segmentsKernel(edges, request) }).toEqual({
        rho,
        threshold,
        found: plain,
      });
    }
});
