import { describe, expect, it } from "vitest";
import { otherBaseWarning, readModelMetadata, writeModelMetadata } from "./model-metadata.js";
import { hashModel, hashTensor } from "./node/hash.js";
import { parseSafetensors } from "./safetensors/parse-safetensors.js";
import { writeSafetensors } from "./safetensors/write-safetensors.js";
import { float32Tensor } from "./tensor-source.js";

const tensors = [float32Tensor("a", [2], Float32Array.of(1, 2)), float32Tensor("b", [1], Float32Array.of(3))];

describe("model metadata", () => {
  it("comes back from a file as it was", () => {
    const model = {
      condition: { name: "canny", channels: 3, range: [0, 1] },
      base: { hash: "ab".repeat(32), name: "tinyworld" },
      scheduler: { _class_name: "DDIMScheduler", steps_offset: 1 },
      step: 4000,
    };
    const file = parseSafetensors(writeSafetensors(tensors, { format: "pt", ...writeModelMetadata(model) }));
    expect(readModelMetadata(file.metadata)).toEqual(model);
    expect(readModelMetadata({ format: "pt" })).toEqual({});
  });

  it("is refused where it is damaged", () => {
    for (const [key, text] of [
      ["step", "-1"],
      ["step", '"3"'],
      ["base", "{}"],
      ["condition", "[]"],
      ["scheduler", "{"],
    ])
      expect(() => readModelMetadata({ [`controlnet-js.${key}`]: text! }, "x")).toThrow(
        `"controlnet-js.${key}" is damaged`,
      );
  });

  it("warns of another base model", () => {
    expect(otherBaseWarning("aa", {})).toBeUndefined();
    expect(otherBaseWarning("aa", { base: { hash: "aa" } })).toBeUndefined();
    expect(otherBaseWarning("aa", { base: { hash: "bb", name: "SD 1.5" } })).toMatch(
      /"SD 1\.5" \(bb\), not with this one \(aa\)/,
    );
  });
});

describe("hashes", () => {
  it("depend on every name, shape and value, not on order", () => {
    const hash = hashModel(tensors);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashModel([...tensors].reverse())).toBe(hash);
    expect(hashModel([{ ...tensors[0]!, name: "c" }, tensors[1]!])).not.toBe(hash);
    expect(hashModel([{ ...tensors[0]!, shape: [1, 2] }, tensors[1]!])).not.toBe(hash);
    expect(hashTensor(float32Tensor("x", [0], new Float32Array(0)))).toBe(
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
  });
});
