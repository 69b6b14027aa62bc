import { unetConfig } from "@controlnet-js/unet";
import { expect, test } from "vitest";
import { isInWindow } from "./control-window.js";
import { linkCount, linkLevels, linkScales } from "./link-scales.js";

const sd15 = unetConfig();
const latentSize = [64, 64] as const;

test("Stable Diffusion has 13 links, the middle block's last", () => {
  expect(linkCount(sd15)).toBe(13);
  expect(linkLevels(sd15)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]);
});

test("guess mode in both published forms", () => {
  const original = linkScales(sd15, { weighting: "guess", latentSize });
  expect(original[0]).toBeCloseTo(0.0994, 4);
  expect(original[12]).toBe(1);
  const diffusers = linkScales(sd15, { weighting: "guess-diffusers", latentSize });
  expect(diffusers[0]).toBeCloseTo(0.1, 12);
  expect(diffusers[12]).toBe(1);
  expect(Math.max(...original.map((scale, i) => Math.abs(scale - diffusers[i]!)))).toBeLessThan(0.00094);
});

test("resolution weighting is 64 / h_i: 1 at 64x64, 8 in the middle", () => {
  const scales = linkScales(sd15, { weighting: "resolution", latentSize });
  expect(scales).toEqual([1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 8, 8]);
  expect(linkScales(sd15, { weighting: "resolution", latentSize: [32, 128] })).toEqual(scales);
});

test("layers multiply; middle alone; decoder alone", () => {
  const layers = Array.from({ length: 13 }, (_, i) => i / 12);
  expect(linkScales(sd15, { layers, latentSize })).toEqual(layers);
  const middle = linkScales(sd15, { links: "middle", latentSize });
  expect(middle).toEqual([...Array(12).fill(0), 1]);
  expect(linkScales(sd15, { links: "decoder", latentSize })).toEqual([...Array(12).fill(1), 0]);
  expect(() => linkScales(sd15, { layers: [1, 2], latentSize })).toThrow(/expected 13 .* got 2/);
});

test("the window is diffusers'", () => {
  const kept = (calls: number, start: number, end: number) =>
    Array.from({ length: calls }, (_, i) => isInWindow(i, calls, start, end));
  expect(kept(5, 0, 1)).toEqual([true, true, true, true, true]);
  expect(kept(5, 0.3, 0.8)).toEqual([false, false, true, true, false]);
  expect(kept(4, 0, 0.5)).toEqual([true, true, false, false]);
});
