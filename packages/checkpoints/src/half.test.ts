import { describe, expect, it } from "vitest";
import { decodeBfloat, decodeHalf, encodeBfloat, encodeHalf } from "./half.js";

const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
const bitsOf = (values: Float32Array) => [
  ...new Uint32Array(values.buffer, values.byteOffset, values.length),
];

describe("half precision", () => {
  it("decodes known numbers", () => {
    const values = decodeHalf(
      Uint16Array.of(0, 0x8000, 1, 0x3ff, 0x400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x3555),
    );
    expect([...values]).toEqual([
      0,
      -0,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      1,
      -2,
      65504,
      Infinity,
      -Infinity,
      1365 / 4096,
    ]);
    expect(decodeHalf(Uint16Array.of(0x7e00))[0]).toBeNaN();
  });

  it("returns every bit pattern after decoding and encoding", () => {
    expect(encodeHalf(decodeHalf(all))).toEqual(all);
    expect(encodeBfloat(decodeBfloat(all))).toEqual(all);
  });

  it("rounds to nearest, ties to even, between all neighbours", () => {
    const halves = decodeHalf(all.subarray(0, 0x7c00));
    for (let i = 0; i + 1 < halves.length; i++) {
      const middle = (halves[i]! + halves[i + 1]!) / 2;
      const word = new Uint32Array(Float32Array.of(middle).buffer)[0]!;
      const around = new Float32Array(Uint32Array.of(word - 1, word, word + 1).buffer);
      expect([...encodeHalf(around)]).toEqual([i, i % 2 === 0 ? i : i + 1, i + 1]);
    }
  });

  it("overflows to infinity at 65520 and keeps the sign", () => {
    expect([...encodeHalf(Float32Array.of(65519.99, 65520, -65520, 1e38, -0, 1e-30))]).toEqual([
      0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x8000, 0,
    ]);
  });

  it("rounds bfloat16 to nearest, ties to even, and keeps NaN a NaN", () => {
    const words = Uint32Array.of(0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x7f800001);
    expect([...encodeBfloat(new Float32Array(words.buffer))]).toEqual([
      0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x7fc0,
    ]);
    expect(bitsOf(decodeBfloat(Uint16Array.of(0x3f80)))).toEqual([0x3f800000]);
  });
});
