import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { float32Tensor, toFloat32, withDType } from "../tensor-source.js";
import { parseSafetensors } from "./parse-safetensors.js";
import { writeSafetensors } from "./write-safetensors.js";

const fixture = readFileSync(new URL("../../fixtures/mixed.safetensors", import.meta.url));

describe("safetensors", () => {
  it("reads a file of the reference library: every type, shape and value", () => {
    const source = parseSafetensors(fixture);
    expect(source.metadata).toEqual({ format: "pt" });
    const described = Object.fromEntries(
      source.names().map((name) => [name, [source.get(name).dtype, source.get(name).shape]]),
    );
    expect(described).toEqual({
      "conv.weight": ["F32", [5, 3, 3, 3]],
      "conv.bias": ["F16", [5]],
      "linear.weight": ["BF16", [4, 7]],
      double: ["F64", [2, 2]],
      step: ["I64", []],
      ids: ["I32", [2, 3]],
      short: ["I16", [2]],
      bytes: ["U8", [3]],
      signed: ["I8", [2]],
      mask: ["BOOL", [3]],
      empty: ["F32", [0, 4]],
      'näme "x"': ["F32", []],
    });
    const values = (name: string) => [...toFloat32(source.get(name))];
    expect(values("step")).toEqual([Math.fround(1234567890123)]);
    expect(values("ids")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(values("short")).toEqual([-3, 4]);
    expect(values("bytes")).toEqual([0, 127, 255]);
    expect(values("signed")).toEqual([-128, 127]);
    expect(values("mask")).toEqual([1, 0, 1]);
    expect(values("empty")).toEqual([]);
    expect(values('näme "x"')).toEqual([0.5]);
  });

  it("writes the same bytes as the reference library", () => {
    const source = parseSafetensors(fixture);
    const tensors = source.names().reverse().map(source.get);
    expect(Buffer.from(writeSafetensors(tensors, source.metadata)).equals(fixture)).toBe(true);
  });

  it("converts floating-point tensors on writing and leaves integers alone", () => {
    const source = parseSafetensors(fixture);
    const half = parseSafetensors(writeSafetensors(source.names().map(source.get), {}, { dtype: "F16" }));
    expect(half.get("conv.weight").dtype).toBe("F16");
    expect(half.get("ids").dtype).toBe("I32");
    expect(half.get("conv.weight").bytes()).toEqual(withDType(source.get("conv.weight"), "F16").bytes());
  });

  it("refuses what the format cannot hold", () => {
    const one = float32Tensor("a", [1], Float32Array.of(1));
    expect(() => writeSafetensors([one, one])).toThrow(/two tensors are called "a"/);
    expect(() => writeSafetensors([{ ...one, name: "__metadata__" }])).toThrow(/may not be called/);
    expect(() => writeSafetensors([{ ...one, name: "__proto__" }])).toThrow(/may not be called/);
    expect(() => writeSafetensors([{ ...one, name: "\ud800" }])).toThrow(/Unicode/);
    expect(() => writeSafetensors([{ ...one, shape: [2] }])).toThrow(/needs 8 bytes, got 4/);
    expect(() => writeSafetensors([{ ...one, shape: [-1] }])).toThrow(/shape \[-1\]/);
    expect(() => writeSafetensors([{ ...one, shape: [2 ** 30, 2 ** 30] }])).toThrow(/more than 2\^53/);
  });
});
