import { describe, expect, test } from "vitest";
import { philox, randomIntegers, randomNormals, randomUniform, randomWords } from "./random.js";

const hex = (words: Uint32Array) => [...words].map((word) => word.toString(16).padStart(8, "0")).join(" ");

describe("philox", () => {
  // The known answers of the Random123 distribution (kat_vectors, philox4x32, 10 rounds).
  test.each([
    { counter: [0, 0, 0, 0], key: [0, 0], answer: "6627e8d5 e169c58d bc57ac4c 9b00dbd8" },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      answer: "408f276d 41c83b0e a20bc7c6 6d5451fd",
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      answer: "d16cfe09 94fdcceb 5001e420 24126ea1",
    },
  ] as const)("of $counter with key $key", ({ counter, key, answer }) => {
    const out = new Uint32Array(4);
    philox(counter, key, out);
    expect(hex(out)).toBe(answer);
  });
});

const key = { seed: 7, purpose: "noise", index: 3 };
const take = (next: () => number, count: number) => Array.from({ length: count }, next);

describe("streams", () => {
  test("depend on seed, purpose and index, each up to 2^53, and on nothing else", () => {
    const first = take(randomWords(key), 8);
    take(randomWords({ ...key, index: 4 }), 3);
    expect(take(randomWords(key), 8)).toEqual(first);
    const others = [
      { ...key, seed: 8 },
      { ...key, seed: 7 + 2 ** 32 },
      { ...key, purpose: "dropout" },
      { ...key, index: 4 },
      { ...key, index: 3 + 2 ** 32 },
    ];
    const seen = new Set([first, ...others.map((other) => take(randomWords(other), 8))].map(String));
    expect(seen.size).toBe(others.length + 1);
  });

  test("randomUniform is uniform in [0, 1)", () => {
    const values = take(randomUniform(key), 20000);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    const counts = new Array<number>(10).fill(0);
    for (const value of values) counts[Math.floor(value * 10)]!++;
    const chiSquared = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquared).toBeLessThan(27.9); // 9 degrees of freedom, p = 0.001
  });

  test("randomIntegers reaches every integer below the limit, equally often", () => {
    const counts = new Array<number>(7).fill(0);
    for (const value of take(randomIntegers(key, 7), 14000)) counts[value]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(4 * Math.sqrt(2000));
  });

  test("randomNormals has the moments of the standard normal distribution", () => {
    const count = 100_001;
    const values = randomNormals(key, count);
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / count;
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
    expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / count));
    const beyond = values.filter((value) => Math.abs(value) > 1.959964).length / count;
    expect(Math.abs(beyond - 0.05)).toBeLessThan(0.003);
  });

  test("a longer draw begins with the shorter one", () => {
    expect(randomNormals(key, 10).slice(0, 7)).toEqual(randomNormals(key, 7));
  });

  test("of integers have a limit that their bits can fill", () => {
    expect(take(randomIntegers(key, 2 ** 32), 2).every(Number.isInteger)).toBe(true);
    for (const limit of [0, 1.5, 2 ** 32 + 1, Number.NaN])
      expect(() => randomIntegers(key, limit)).toThrow(`a limit of 1 to 2^32, got ${limit}`);
  });
});
