import type { Image } from "@controlnet-js/core";
import { expect, test } from "vitest";
import { edgeF1 } from "./edge-f1.js";

const map = (...rows: string[]): Image => ({
  data: Uint8Array.from(rows.join(""), (c) => (c === "#" ? 255 : 0)),
  width: rows[0]!.length,
  height: rows.length,
  channels: 1,
});

const line = map("......", "######", "......", "......");

test("a map agrees with itself", () => {
  expect(edgeF1(line, line, { tolerance: 0 })).toEqual({ precision: 1, recall: 1, f1: 1 });
});

test("a line one pixel away counts with tolerance 1 and not with 0", () => {
  const moved = map("......", "......", "######", "......");
  expect(edgeF1(moved, line).f1).toBe(1);
  expect(edgeF1(moved, line, { tolerance: 0 }).f1).toBe(0);
  const far = map("......", "......", "......", "######");
  expect(edgeF1(far, line).f1).toBe(0);
  expect(edgeF1(far, line, { tolerance: 2 }).f1).toBe(1);
});

test("precision is of the found edges, recall of the wanted ones", () => {
  const half = map("......", "###...", "......", "......");
  const score = edgeF1(half, line);
  expect(score.precision).toBe(1);
  expect(score.recall).toBeCloseTo(4 / 6, 12);
  expect(score.f1).toBeCloseTo(0.8, 12);
  expect(edgeF1(line, half)).toEqual({ precision: score.recall, recall: 1, f1: score.f1 });
});

test("empty maps agree with each other and with nothing else", () => {
  const empty = map("......", "......", "......", "......");
  expect(edgeF1(empty, empty).f1).toBe(1);
  expect(edgeF1(empty, line)).toEqual({ precision: 0, recall: 0, f1: 0 });
  expect(edgeF1(line, empty)).toEqual({ precision: 0, recall: 0, f1: 0 });
});

test("three channels and one may be compared; sizes must be equal", () => {
  const rgb = {
    ...line,
    channels: 3,
    data: Uint8Array.from({ length: 72 }, (_, i) => line.data[Math.floor(i / 3)]!),
  };
  expect(edgeF1(rgb, line, { tolerance: 0 }).f1).toBe(1);
  expect(() => edgeF1(map("##"), line)).toThrow(/one size, got 2x1 and 6x4/);
  expect(() => edgeF1(line, line, { tolerance: 0.5 })).toThrow(/whole pixels, got 0.5/);
});
