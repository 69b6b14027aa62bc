import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeLatents, unscaleLatents } from "@controlnet-js/autoencoder";
import { float32Tensor, writeSafetensors } from "@controlnet-js/checkpoints";
import { controlledUNet } from "@controlnet-js/controlnet";
import { disposeTree, leavesOf } from "@controlnet-js/core";
import { disposePipeline } from "@controlnet-js/models";
import { openControlNet, openPipeline, saveControlNet, savePipeline } from "@controlnet-js/models/node";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodePrompts } from "./prompt-context.js";
import { fixturePath } from "./testing/references.js";

let folder: string;
beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "pipeline-"));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const valuesOf = (tree: unknown) =>
  leavesOf(tree).map(({ path, value }) => [path, ...value.dataSync()].join());

test("what is saved is what is loaded: weights, words, schedule, metadata", async () => {
  await expectNoTensorLeak(async () => {
    const path = join(folder, "saved");
    const pipeline = await openPipeline(fixturePath("tiny"));
    await savePipeline(path, { ...pipeline, metadata: { step: 7, from: "test" } });
    await savePipeline(path, { ...pipeline, metadata: { step: 8, from: "test" } });
    expect(readdirSync(folder)).toEqual(["saved"]);
    const again = await openPipeline(path);
    expect(again.metadata).toEqual({ step: 8, from: "test" });
    for (const part of ["text", "unet", "autoencoder"] as const) {
      expect(again[part].config).toEqual(pipeline[part].config);
      expect(valuesOf(again[part].params)).toEqual(valuesOf(pipeline[part].params));
    }
    expect(again.text.tokenizer.encode("a red cube!")).toEqual(pipeline.text.tokenizer.encode("a red cube!"));
    expect(again.schedule).toEqual(pipeline.schedule);
    const text = "a prompt that is far too long for sixteen tokens";
    expect(again.text.tokenizer.encode(text).truncated).toBeDefined();
    disposePipeline(again);
    disposePipeline(pipeline);
  });
});

test("half precision is read and written", async () => {
  await expectNoTensorLeak(async () => {
    const net = await openControlNet(fixturePath("depth"));
    const path = join(folder, "half");
    const metadata = { condition: { name: "depth", channels: 3 }, base: "sha256:00", step: 12 };
    await saveControlNet(path, net, { metadata, dtype: "F16" });
    const again = await openControlNet(path);
    expect(again.metadata).toEqual(metadata);
    expect(again.config).toEqual(net.config);
    expect(valuesOf(again.params)).toEqual(valuesOf(net.params));
    disposeTree([net, again]);
  });
});

test("wrong folders are named, and nothing is left behind", async () => {
  await expectNoTensorLeak(async () => {
    await expect(openControlNet(fixturePath("tiny/unet"))).rejects.toThrow(
      /tiny\/unet: expected a ControlNet, found a U-Net/,
    );
    await expect(openPipeline(fixturePath("edges"))).rejects.toThrow(
      /edges: expected a U-Net, found a ControlNet/,
    );
    const pipeline = await openPipeline(fixturePath("tiny"));
    const path = join(folder, "mine");
    await savePipeline(path, pipeline);
    writeFileSync(join(path, "thesis.txt"), "");
    await expect(savePipeline(path, pipeline)).rejects.toThrow(/thesis\.txt/);
    disposePipeline(pipeline);
  });
});

const python = fixturePath("../../../tooling/reference/.venv/bin/python");
const script = fixturePath("../../../tooling/reference/pipeline_roundtrip.py");

// Loading diffusers takes a while: only where asked for, with CONTROLNET_REFERENCE=1.
test.skipIf(!process.env.CONTROLNET_REFERENCE || !existsSync(python))(
  "diffusers loads what is saved and computes the same",
  async () => {
    const pipeline = await openPipeline(fixturePath("tiny"));
    const net = await openControlNet(fixturePath("edges"));
    await savePipeline(join(folder, "pipeline"), pipeline);
    await saveControlNet(join(folder, "net"), net, { metadata: { step: 1 } });
    const { unet, autoencoder } = pipeline;
    const latents = tf.randomNormal([2, 8, 8, 4], 0, 1, "float32", 1) as tf.Tensor4D;
    const map = tf.randomUniform([2, 16, 16, 3], 0, 1, "float32", 2) as tf.Tensor4D;
    const timesteps = tf.tensor1d([7, 901]);
    const prompts = ["a red cube", "it's a blue ball"];
    const { context } = encodePrompts(pipeline.text, prompts);
    const controlled = controlledUNet(unet, net, { latents, timesteps, context }, map);
    const picture = decodeLatents(autoencoder, unscaleLatents(autoencoder, latents));
    const published = (name: string, x: tf.Tensor) => {
      const y = x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x;
      return float32Tensor(name, y.shape, Float32Array.from(y.dataSync()));
    };
    const entries = {
      "in.latents": latents,
      "in.timesteps": timesteps,
      "in.context": context,
      "in.map": map,
    };
    const outputs = { "out.controlled": controlled, "out.context": context, "out.picture": picture };
    const output = join(folder, "output.safetensors");
    const tensors = Object.entries({ ...entries, ...outputs }).map(([name, x]) => published(name, x));
    writeFileSync(output, writeSafetensors(tensors, { prompts: JSON.stringify(prompts) }));
    const said = execFileSync(python, [script, join(folder, "pipeline"), join(folder, "net"), output], {
      encoding: "utf8",
      env: { ...process.env, OMP_NUM_THREADS: "1" },
    });
    expect(said).toMatch(/controlled: \d/);
    expect(said).toMatch(/context: \d/);
    expect(said).toMatch(/picture: \d/);
  },
  300_000,
);
