import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../node/open-checkpoint.js";
import { openPytorch } from "../node/open-checkpoint-file.js";
import { parseSafetensors } from "../safetensors/parse-safetensors.js";
import type { TensorSource } from "../tensor-source.js";
import { parsePytorch } from "./parse-pytorch.js";

const path = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const parse = (name: string) => parsePytorch(readFileSync(path(name)), name);
const safetensors = (name: string) => parseSafetensors(readFileSync(path(name)));

function expectSame(found: TensorSource, expected: TensorSource): void {
  expect(found.names().sort()).toEqual(expected.names().sort());
  for (const name of expected.names()) {
    const [a, b] = [found.get(name), expected.get(name)];
    expect([name, a.dtype, a.shape]).toEqual([name, b.dtype, b.shape]);
    expect([name, Buffer.compare(a.bytes(), b.bytes())]).toEqual([name, 0]);
  }
}

describe("files of torch.save", () => {
  it.each([
    ["mixed.ckpt", "mixed.safetensors"],
    ["protocol4.pth", "mixed.safetensors"],
    ["views.ckpt", "views.safetensors"],
    ["no-checksums.pth", "views.safetensors"],
    ["module.ckpt", "module.safetensors"],
    ["rare-types.pth", "rare-types.safetensors"],
  ])("%s holds the bits of %s", (file, reference) => {
    expectSame(parse(file), safetensors(reference));
    const opened = openPytorch(path(file));
    expectSame(opened, safetensors(reference));
    opened.close();
  });

  it("give the state_dict of a training checkpoint, with its plain values as metadata", () => {
    const source = parse("lightning.ckpt");
    expect(source.metadata).toEqual({
      epoch: "6",
      global_step: "840000",
      "pytorch-lightning_version": "1.4.2",
    });
    expect(source.names()).toEqual(["model.diffusion_model.time_embed.0.weight", "betas"]);
    expect(source.get("model.diffusion_model.time_embed.0.weight")).toMatchObject({
      dtype: "F16",
      shape: [4, 6],
    });
  });

  it.each([
    ["legacy.pth", /format before 1\.6; load it in Python with torch\.load\(path, weights_only=True\)/],
    ["sparse.pth", /asks for "torch\..*nothing was executed/],
    ["whole-module.pth", /asks for "torch\.nn\.modules\.linear\.Linear"/],
  ])("%s is refused with the way out", (file, message) => {
    expect(() => parse(file)).toThrow(message);
    expect(() => openPytorch(path(file))).toThrow(message);
  });

  it("give an expanded tensor with its elements repeated", () => {
    const tensor = parse("expanded.pth").get("expanded");
    expect([tensor.dtype, tensor.shape]).toEqual(["F32", [1000]]);
    expect(tensor.bytes()).toEqual(new Uint8Array(4000));
  });

  it("are told apart by content", () => {
    for (const name of ["mixed.ckpt", "mixed.safetensors"]) {
      const source = openCheckpoint(path(name));
      expect(source.names()).toContain("conv.weight");
      source.close();
    }
  });
});
