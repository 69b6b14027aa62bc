import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeLatents } from "@controlnet-js/autoencoder";
import { parseSafetensors, type TensorSource, toFloat32, writeSafetensors } from "@controlnet-js/checkpoints";
import { controlledUNet, createControlNet } from "@controlnet-js/controlnet";
import { disposeTree, leavesOf } from "@controlnet-js/core";
import { encodeText } from "@controlnet-js/text-encoder";
import { unet as runUNet } from "@controlnet-js/unet";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertModel } from "../convert/convert-model.js";
import { initControlNet } from "../convert/init-control-net.js";
import { inspectModel } from "../convert/inspect-model.js";
import { transferControlNet } from "../convert/transfer-control-net.js";
import { hashUNet } from "../hash-unet.js";
import { disposePipeline } from "../pipeline.js";
import { saveControlNet } from "../save/save-control-net.js";
import { fixturePath } from "../testing/fixtures.js";
import { loadPipeline } from "./load-pipeline.js";
import { openControlNet } from "./open-control-net.js";
import { openPipeline } from "./open-pipeline.js";

const whole = fixturePath("single-file/whole.ckpt");
const tokenizer = fixturePath("tiny/tokenizer");
let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "single-file-"));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A short hash of every parameter, in the order of their names. */
const valuesOf = (tree: unknown) =>
  leavesOf(tree)
    .map(({ path, value }) => `${path} [${value.shape}] ${sha256(value.dataSync())}`)
    .sort();
const sha256 = (values: Float32Array | Int32Array | Uint8Array) =>
  createHash("sha256")
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest("hex")
    .slice(0, 12);
const published = (x: tf.Tensor) => (x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x);

test("a .ckpt of the original code computes what diffusers computes with it", async () => {
  const expected = parseSafetensors(readFileSync(fixturePath("single-file/expected.safetensors")));
  const given = <T extends tf.Tensor>(name: string) => {
    const { shape } = expected.get(name);
    const x = tf.tensor(toFloat32(expected.get(name)), shape, "float32");
    return (shape.length === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x) as T;
  };
  const said: string[] = [];
  const log = (line: string) => said.push(line);
  await expectNoTensorLeak(async () => {
    const pipeline = await openPipeline(whole, { tokenizer, log });
    const net = await openControlNet(whole, { log });
    expect(said.join("\n")).toMatch(/a whole model.*with a ControlNet inside.*the original code's names/);
    expect(pipeline.text.tokenizer.encode("a red cube").length).toBeGreaterThan(2);
    const { unet, autoencoder, text } = pipeline;
    tf.tidy(() => {
      const latents = given<tf.Tensor4D>("in.latents");
      const inputs = {
        latents,
        timesteps: given<tf.Tensor1D>("in.timesteps"),
        context: given<tf.Tensor3D>("in.context"),
      };
      const map = given<tf.Tensor4D>("in.map");
      const results = {
        "out.unet": runUNet(unet, inputs),
        "out.controlled": controlledUNet(unet, net, inputs, map),
        "out.picture": decodeLatents(autoencoder, latents),
        "out.context": encodeText(text, tf.cast(given<tf.Tensor2D>("in.tokens"), "int32")),
      };
      for (const [name, result] of Object.entries(results)) {
        const wanted = toFloat32(expected.get(name));
        const found = published(result).dataSync();
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const error = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
        expect(error / largest, name).toBeLessThan(1e-4);
      }
    });
    disposePipeline(pipeline);
    disposeTree(net);
  });
}, 120_000);

test("a folder, and the single file made of it, are the same model: heads, groups and schedule, too", async () => {
  await expectNoTensorLeak(async () => {
    const tiny = fixturePath("tiny");
    await convertModel(tiny, at("tiny.safetensors"), { to: "ldm" });
    const one = await loadPipeline(tiny);
    const other = await openPipeline(at("tiny.safetensors"), { tokenizer });
    for (const part of ["text", "unet", "autoencoder"] as const) {
      expect(other[part].config).toEqual(one[part].config);
      expect(valuesOf(other[part].params)).toEqual(valuesOf(one[part].params));
    }
    expect(other.schedule).toEqual(one.schedule);
    expect(other.text.tokenizer.encode("a red cube")).toEqual(one.text.tokenizer.encode("a red cube"));
    disposePipeline(one);
    disposePipeline(other);
  });
});

test("a model yaml tells what shapes don't; without a tokenizer only prompts are refused", async () => {
  await expectNoTensorLeak(async () => {
    const config = {
      model: {
        params: {
          parameterization: "v",
          linear_start: "1e-3",
          timesteps: 500,
          scale_factor: 0.5,
          unet_config: { params: { num_heads: -1, num_head_channels: 16 } },
        },
      },
    };
    const pipeline = await openPipeline(whole, { config });
    expect(pipeline.unet.config.heads).toEqual([2]);
    expect(pipeline.autoencoder.config.scalingFactor).toBe(0.5);
    expect(pipeline.schedule).toMatchObject({ prediction: "v", trainTimesteps: 500 });
    expect(() => pipeline.text.tokenizer.encode("a")).toThrow(/hold no tokenizer.*--tokenizer/);
    disposePipeline(pipeline);
    await expect(openPipeline(whole, { config: { modell: {} } })).rejects.toThrow(/model: params/);
  });
});

test("a model yaml says that a ControlNet is globally pooled, and converting keeps it", async () => {
  const config = { model: { params: { global_average_pooling: true } } };
  await convertModel(whole, at("shuffle"), { to: "diffusers", part: "control", config });
  await convertModel(at("shuffle"), at("shuffle.safetensors"), { to: "ldm" });
  const found = [
    await openControlNet(whole),
    await openControlNet(whole, { config }),
    await openControlNet(at("shuffle")),
    await openControlNet(at("shuffle.safetensors")),
  ];
  expect(found.map((net) => net.config.globalPooling)).toEqual([false, true, true, true]);
  disposeTree(found);
});

test("init copies the base, as createControlNet does", async () => {
  await expectNoTensorLeak(async () => {
    await initControlNet(whole, at("fresh.safetensors"), { seed: 3, hintChannels: 2 });
    await initControlNet(whole, at("fresh"), { seed: 3, hintChannels: 2 });
    const pipeline = await openPipeline(whole, { tokenizer });
    const file = await openControlNet(at("fresh.safetensors"));
    const inFolder = await openControlNet(at("fresh"));
    const wanted = createControlNet(pipeline.unet, { hintChannels: 2, seed: 3 });
    expect(valuesOf(file.params)).toEqual(valuesOf(wanted.params));
    expect(valuesOf(inFolder.params)).toEqual(valuesOf(wanted.params));
    expect(file.metadata.base).toEqual({ name: "whole.ckpt", hash: hashUNet(pipeline.unet) });
    disposePipeline(pipeline);
    disposeTree([file, inFolder, wanted]);
  });
});

test("transfer adds the difference of the bases to each copied layer, and to nothing else", async () => {
  const shifted = at("shifted.safetensors");
  await convertModel(whole, at("base.safetensors"), { to: "ldm", part: "unet" });
  const base = parseSafetensors(readFileSync(at("base.safetensors")));
  const moved = base.names().map((name) => {
    const values = toFloat32(base.get(name)).map((value) => value * 1.5 + 0.25);
    return { ...base.get(name), dtype: "F32" as const, bytes: () => new Uint8Array(values.buffer) };
  });
  writeFileSync(shifted, writeSafetensors(moved));
  const out = at("moved.safetensors");
  await transferControlNet({ control: whole, from: whole, to: shifted, out });
  await convertModel(whole, at("control.safetensors"), { to: "ldm", part: "control" });
  const read = (path: string): TensorSource => parseSafetensors(readFileSync(path));
  const [control, found, now] = [read(at("control.safetensors")), read(out), read(shifted)];
  for (const name of found.names()) {
    const p = toFloat32(control.get(name));
    const unet = `model.diffusion_model.${name}`;
    const copied = base.names().includes(unet);
    expect(copied).toBe(!/^(zero_convs|middle_block_out|input_hint_block)\./.test(name));
    const [a, b] = copied ? [toFloat32(now.get(unet)), toFloat32(base.get(unet))] : [];
    const wanted = a && b ? p.map((value, i) => Math.fround(value + a[i]!) - b[i]!) : p;
    expect(toFloat32(found.get(name)), name).toEqual(wanted);
  }
  const other = fixturePath("tiny");
  await expect(transferControlNet({ control: whole, from: other, to: shifted, out })).rejects.toThrow(
    /text width 64.*text width 12/,
  );
  await expect(transferControlNet({ control: other, from: whole, to: whole, out })).rejects.toThrow(
    /expected a ControlNet, found a whole model/,
  );
});

test("transfer names the new base, whatever named the old one, and warns where --from is another", async () => {
  const net = await openControlNet(whole);
  const trained = { condition: "canny", base: { hash: "0".repeat(64), name: "old" }, step: 7 };
  await saveControlNet(at("trained"), net, { metadata: trained });
  const said: string[] = [];
  const log = (line: string) => said.push(line);
  await transferControlNet({ control: at("trained"), from: whole, to: whole, out: at("renamed"), log });
  expect(said.join("\n")).toMatch(/warning: --from .*whole\.ckpt: .*trained with base model "old"/);
  const pipeline = await openPipeline(whole);
  const renamed = await openControlNet(at("renamed"));
  const base = { hash: hashUNet(pipeline.unet), name: "whole.ckpt" };
  expect(renamed.metadata).toEqual({ ...trained, base });
  disposePipeline(pipeline);
  disposeTree([net, renamed]);
});

test("inspect tells kind, tensors and hashes of files and folders", () => {
  const file = inspectModel(whole, { hash: true });
  expect(file).toMatchObject({
    kind: "stable-diffusion",
    version: "custom",
    variant: "text-to-image",
    ema: false,
  });
  expect(file.parts.map(({ part }) => part)).toEqual(
    expect.arrayContaining(["unet", "controlnet", "autoencoder", "text-encoder"]),
  );
  const tensor = file.tensors.find(({ name }) => name === "model.diffusion_model.out.2.weight");
  expect(tensor).toEqual({
    name: "model.diffusion_model.out.2.weight",
    dtype: "F16",
    shape: [4, 32, 3, 3],
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  const dir = inspectModel(fixturePath("tiny"));
  expect(dir).toMatchObject({ kind: "stable-diffusion", prediction: "epsilon" });
  expect(dir.tensors.some(({ name }) => name === "unet.conv_in.weight")).toBe(true);
  expect(inspectModel(fixturePath("edges"))).toMatchObject({ kind: "controlnet" });
});
