import { isControlNetError } from "@controlnet-js/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { permute, permuteFor } from "./permute.js";

const order = (size: number, seed: number, epoch: number) =>
  Array.from({ length: size }, (_, i) => permute(i, size, seed, epoch));

test("permute is a bijection for every size, seed and epoch", () => {
  const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 700 }), seeds, seeds, (size, seed, epoch) => {
      const sorted = order(size, seed, epoch).sort((a, b) => a - b);
      expect(sorted).toEqual(Array.from({ length: size }, (_, i) => i));
    }),
    { numRuns: 100 },
  );
});

test("permute stays inside for sizes beyond 32 bits", () => {
  const size = 2 ** 47 + 12345;
  const results = Array.from({ length: 200 }, (_, i) => permute(size - 1 - i, size, 7, 3));
  expect(results.every((value) => Number.isInteger(value) && value >= 0 && value < size)).toBe(true);
  expect(new Set(results).size).toBe(200);
});

test("permute gives another order for another seed, epoch or purpose, and the same for the same", () => {
  expect(order(100, 1, 0)).toEqual(order(100, 1, 0));
  expect(order(100, 1, 0)).not.toEqual(order(100, 1, 1));
  expect(order(100, 1, 0)).not.toEqual(order(100, 2, 0));
  expect(order(100, 1, 0)).not.toEqual(order(100, 1 + 2 ** 32, 0));
  expect(order(100, 1, 0)).not.toEqual(
    Array.from({ length: 100 }, (_, i) => permuteFor("split", i, 100, 1, 0)),
  );
});

test("permute sends each index everywhere equally often (chi-squared, 9 degrees of freedom)", () => {
  const size = 10;
  const epochs = 5000;
  for (let index = 0; index < size; index++) {
    const counts = new Array<number>(size).fill(0);
    for (let epoch = 0; epoch < epochs; epoch++) counts[permute(index, size, 42, epoch)]!++;
    const expected = epochs / size;
    const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(statistic).toBeLessThan(33.7); // p = 1e-4
  }
});

test("permute keeps the order that stored cursors rely on", () => {
  expect(order(12, 2024, 1)).toMatchInlineSnapshot(`
    [
      2,
      3,
      6,
      4,
      10,
      0,
      9,
      5,
      1,
      11,
      8,
      7,
    ]
  `);
});

test("permute refuses numbers out of range", () => {
  for (const [index, size, seed, epoch] of [
    [5, 5, 0, 0],
    [0, 0, 0, 0],
    [-1, 5, 0, 0],
    [0, 5, -1, 0],
    [0, 5, 0, 0.5],
  ] as const) {
    try {
      permute(index, size, seed, epoch);
      expect.unreachable();
    } catch (error) {
      expect(isControlNetError(error) && error.code).toBe("range");
    }
  }
});
