import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseSafetensors } from "../safetensors/parse-safetensors.js";
import { writeSafetensors } from "../safetensors/write-safetensors.js";
import { float32Tensor, type NamedTensor, toFloat32, withDType } from "../tensor-source.js";
import { readConfig, writeConfig } from "./config-file.js";
import { openSafetensors } from "./open-safetensors.js";
import { openWeights } from "./open-weights.js";
import { readRegularFile } from "./read-file.js";
import { saveModelFolder } from "./save-model-folder.js";
import { saveSafetensors } from "./save-safetensors.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoints-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entries = () => [
  float32Tensor("b", [2, 2], Float32Array.of(1, 2, 3, 4)),
  float32Tensor("a", [3], Float32Array.of(5, 6, 7)),
];
const failing: NamedTensor = {
  name: "z",
  dtype: "F32",
  shape: [1],
  bytes: () => {
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  },
};

describe("configs", () => {
  it("may hold the numbers that Python writes and JSON lacks", () => {
    const text = '{"low": -Infinity, "list": [1, Infinity, NaN], "name": "to Infinity"}';
    writeFileSync(join(folder, "config.json"), text);
    expect(readConfig(folder)).toEqual({
      low: Number.NEGATIVE_INFINITY,
      list: [1, Number.POSITIVE_INFINITY, null],
      name: "to Infinity",
    });
    writeFileSync(join(folder, "config.json"), '{"low": -}');
    expect(() => readConfig(folder)).toThrow("not valid JSON");
  });
});

describe("files", () => {
  it("save what memory would hold, and read it back tensor by tensor", async () => {
    const path = join(folder, "x.safetensors");
    await saveSafetensors(path, entries(), { metadata: { step: "3" }, dtype: "F16" });
    expect(new Uint8Array(readFileSync(path))).toEqual(
      writeSafetensors(entries(), { step: "3" }, { dtype: "F16" }),
    );
    const source = openSafetensors(path);
    expect(source.metadata).toEqual({ step: "3" });
    expect([...toFloat32(source.get("b"))]).toEqual([1, 2, 3, 4]);
    source.close();
    expect(() => source.get("a").bytes()).toThrow(/was closed/);
  });

  it("tell where a tensor lies, but not of one in another type", async () => {
    const path = join(folder, "x.safetensors");
    await saveSafetensors(path, entries());
    const source = openSafetensors(path);
    const { place, ...tensor } = source.get("b");
    expect(place?.path).toBe(path);
    expect(new Uint8Array(readFileSync(path)).slice(place!.byteOffset, place!.byteOffset + 16)).toEqual(
      tensor.bytes(),
    );
    expect(withDType(source.get("b"), "F16").place).toBeUndefined();
    source.close();
  });

  it("leave the earlier file and no litter when saving fails", async () => {
    const path = join(folder, "x.safetensors");
    await saveSafetensors(path, entries());
    await expect(saveSafetensors(path, [...entries(), failing])).rejects.toMatchObject({
      code: "io",
      message: expect.stringMatching(/disk is full.*unchanged/),
    });
    expect(readdirSync(folder)).toEqual(["x.safetensors"]);
    expect(parseSafetensors(readFileSync(path)).names()).toEqual(["a", "b"]);
  });

  it("name the file that can't be read or is damaged", () => {
    const path = join(folder, "gone.safetensors");
    expect(() => openSafetensors(path)).toThrow(/gone\.safetensors/);
    writeFileSync(path, writeSafetensors(entries()).subarray(0, -1));
    expect(() => openSafetensors(path)).toThrow(/gone\.safetensors.*cut short/);
    expect(() => openSafetensors(folder)).toThrow(/not a regular file|EISDIR/);
  });
});

describe("model folders", () => {
  it("hold a config and weights, replaced as a whole", async () => {
    const model = join(folder, "unet");
    await saveModelFolder(model, { a: 1 }, entries());
    await saveModelFolder(model, { a: 2 }, entries().slice(1), { metadata: { step: "1" } });
    expect(readdirSync(folder)).toEqual(["unet"]);
    expect(readdirSync(model).sort()).toEqual(["config.json", "diffusion_pytorch_model.safetensors"]);
    expect(readConfig(model)).toEqual({ a: 2 });
    const source = openWeights(model);
    expect(source.metadata).toEqual({ format: "pt", step: "1" });
    expect(source.names()).toEqual(["a"]);
    source.close();
    await writeConfig(model, { a: 3 });
    expect(readConfig(model)).toEqual({ a: 3 });
  });

  it("are split into shards that are read as one", async () => {
    const model = join(folder, "unet");
    const tensors = [...entries(), float32Tensor("c", [4], Float32Array.of(8, 9, 10, 11))];
    await saveModelFolder(model, {}, tensors, { shardBytes: 20 });
    expect(readdirSync(model).sort()).toEqual([
      "config.json",
      "diffusion_pytorch_model-00001-of-00003.safetensors",
      "diffusion_pytorch_model-00002-of-00003.safetensors",
      "diffusion_pytorch_model-00003-of-00003.safetensors",
      "diffusion_pytorch_model.safetensors.index.json",
    ]);
    const source = openWeights(model);
    expect(source.names()).toEqual(["b", "a", "c"]);
    for (const { name, bytes } of tensors) expect(source.get(name).bytes()).toEqual(bytes());
    source.close();
    await saveModelFolder(model, {}, tensors, { shardBytes: 28 });
    expect(readdirSync(model).length).toBe(4);
    await expect(saveModelFolder(model, {}, [...tensors, tensors[0]!], { shardBytes: 20 })).rejects.toThrow(
      /two tensors/,
    );
    await saveModelFolder(model, {}, tensors);
    expect(readdirSync(model)).toContain("diffusion_pytorch_model.safetensors");
  });

  it("survive a failed save", async () => {
    const model = join(folder, "unet");
    await saveModelFolder(model, { a: 1 }, entries());
    await expect(saveModelFolder(model, { a: 2 }, [failing])).rejects.toMatchObject({ code: "io" });
    expect(readdirSync(folder)).toEqual(["unet"]);
    expect(readConfig(model)).toEqual({ a: 1 });
  });

  it("never replace a folder with other files", async () => {
    writeFileSync(join(folder, "thesis.txt"), "");
    await expect(saveModelFolder(folder, {}, entries())).rejects.toThrow(/thesis\.txt/);
    expect(readdirSync(folder)).toEqual(["thesis.txt"]);
  });

  it("are found in half precision, under other names, and in shards", async () => {
    await saveSafetensors(join(folder, "model.fp16.safetensors"), entries(), { dtype: "F16" });
    let found = openWeights(folder);
    expect(found.get("a").dtype).toBe("F16");
    found.close();
    expect(() => openWeights(folder, ["diffusion_pytorch_model"])).toThrow(
      /no diffusion_pytorch_model\.safetensors.*it has: model\.fp16/,
    );

    await saveSafetensors(join(folder, "model-1.safetensors"), entries().slice(0, 1));
    await saveSafetensors(join(folder, "model-2.safetensors"), entries().slice(1));
    const index = (weight_map: unknown) =>
      writeFileSync(
        join(folder, "model.safetensors.index.json"),
        JSON.stringify({ metadata: {}, weight_map }),
      );
    index({ a: "model-2.safetensors", b: "model-1.safetensors" });
    found = openWeights(folder);
    expect([...toFloat32(found.get("a"))]).toEqual([5, 6, 7]);
    expect(found.names()).toEqual(["a", "b"]);
    found.close();
    index({ a: "../model-2.safetensors" });
    expect(() => openWeights(folder)).toThrow(/no file of this folder/);
    index({ a: "model-1.safetensors" });
    expect(() => openWeights(folder)).toThrow(/"a" is not in model-1/);
    index({ a: "model-2.safetensors", c: "model-1.safetensors" });
    expect(() => openWeights(folder)).toThrow(/"c" is not in model-1/);
    index([]);
    expect(() => openWeights(folder)).toThrow(/weight_map/);
  });

  it("are told by their content where a header's length looks like the start of a zip", async () => {
    const header = JSON.stringify({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }).padEnd(0x4b50);
    const bytes = Buffer.alloc(8 + header.length + 4);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    expect(bytes.toString("latin1", 0, 2)).toBe("PK");
    writeFileSync(join(folder, "model.safetensors"), bytes);
    const found = openWeights(folder);
    expect(found.names()).toEqual(["a"]);
    found.close();
  });

  it.each<[string, string?]>([
    ["model.bf16.safetensors"],
    ["model.non_ema.safetensors"],
    ["model.safetensors.index.bf16.json", "model.bf16-00001-of-00001.safetensors"],
    ["model.bin"],
    ["model.ema.bin"],
    ["model.bin.index.json", "model-00001-of-00001.bin"],
    ["model.bin.index.fp16.json", "model.fp16-00001-of-00001.bin"],
  ])("are found as %s", async (name, shard) => {
    await saveSafetensors(join(folder, shard ?? name), entries());
    if (shard) writeFileSync(join(folder, name), JSON.stringify({ weight_map: { a: shard, b: shard } }));
    const found = openWeights(folder);
    expect([...toFloat32(found.get("a"))]).toEqual([5, 6, 7]);
    found.close();
  });
});

it("a link put where a resolved path was is not followed", () => {
  const [file, link] = [join(folder, "text"), join(folder, "link")];
  writeFileSync(file, "hello");
  symlinkSync(file, link);
  expect(readRegularFile(link).toString()).toBe("hello");
  expect(readRegularFile(file, 5, { followLink: false }).toString()).toBe("hello");
  expect(() => readRegularFile(link, 5, { followLink: false })).toThrow(/can't read .*link/);
});
