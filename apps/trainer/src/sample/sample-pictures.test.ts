import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  float32Tensor,
  parseSafetensors,
  toFloat32,
  withDType,
  writeSafetensors,
} from "@controlnet-js/checkpoints";
import { controlNetConfig, createControlNetFrom } from "@controlnet-js/controlnet";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import {
  hashUNet,
  openControlNet,
  openPipeline,
  saveControlNet,
  saveLatents,
} from "@controlnet-js/models/node";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixturePath } from "../testing/fixture-path.js";
import type { SampleOptions } from "./picture-options.js";
import { samplePictures } from "./sample-pictures.js";

const model = fixturePath("tiny");
const runs = parseSafetensors(readFileSync(fixturePath("runs.safetensors")));
let folder: string;
const at = (name: string) => join(folder, name);

/** A tensor of the reference in our layout. */
function wanted(name: string): tf.Tensor4D {
  const shape = runs.get(name).shape as [number, number, number, number];
  return tf.tidy(
    () => tf.transpose(tf.tensor(toFloat32(runs.get(name)), shape), [0, 2, 3, 1]) as tf.Tensor4D,
  );
}

const write = (name: string, tensors: Parameters<typeof writeSafetensors>[0]) => {
  writeFileSync(at(name), writeSafetensors(tensors));
  return at(name);
};

beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "sample-"));
  write("latents.safetensors", [{ ...runs.get("in.noise"), name: "latents" }]);
  write("embeds.safetensors", [
    { ...runs.get("in.positive"), name: "prompt_embeds" },
    { ...runs.get("in.negative"), name: "negative_prompt_embeds" },
  ]);
  const json = JSON.parse(readFileSync(join(model, "scheduler/scheduler_config.json"), "utf8"));
  writeFileSync(at("euler.json"), JSON.stringify({ ...json, _class_name: "EulerDiscreteScheduler" }));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const files = (options: Partial<SampleOptions> = {}): SampleOptions => ({
  model,
  latents: at("latents.safetensors"),
  promptEmbeds: at("embeds.safetensors"),
  steps: 4,
  guidance: 7.5,
  ...options,
});

/** Nets by their folders, with the reference's maps, which the run disposes. */
const edges = (options = {}) => ({ net: fixturePath("edges"), map: () => wanted("in.map0"), ...options });
const depth = (options = {}) => ({ net: fixturePath("depth"), map: () => wanted("in.map1"), ...options });

describe("from files alone, what diffusers makes of them", () => {
  test.each<[string, () => SampleOptions]>([
    ["two", () => files({ controls: [edges({ strength: 0.7 }), depth({ strength: 1.2, end: 0.5 })] })],
    ["guess", () => files({ controls: [edges()], guessMode: "diffusers" })],
    ["euler", () => files({ controls: [edges()], sampler: at("euler.json") })],
    ["rescale", () => files({ guidanceRescale: 0.7 })],
  ])("%s", async (name, options) => {
    await expectNoTensorLeak(async () => {
      const { latents } = await samplePictures(options());
      const expected = wanted(`out.${name}`);
      expectClose(latents, expected, 1e-4);
      await saveLatents(at("final.safetensors"), latents);
      const saved = parseSafetensors(readFileSync(at("final.safetensors"))).get("latents");
      expect(saved.shape).toEqual(runs.get(`out.${name}`).shape);
      expectClose(toFloat32(saved), toFloat32(runs.get(`out.${name}`)), 1e-4);
      tf.dispose([latents, expected]);
    });
  });
});

describe("latents and embeddings", () => {
  test("may be half precision; embeddings of one go with every latent", async () => {
    const half = withDType({ ...runs.get("in.noise"), name: "latents" }, "F16");
    const values = toFloat32(runs.get("in.positive"));
    const [, tokens, features] = runs.get("in.positive").shape as [number, number, number];
    const one = float32Tensor("prompt_embeds", [1, tokens, features], values.slice(0, tokens * features));
    const options = files({
      latents: write("half.safetensors", [half]),
      promptEmbeds: write("one.safetensors", [one]),
      guidance: 1,
      steps: 1,
    });
    await expectNoTensorLeak(async () => {
      const { images, latents } = await samplePictures(options);
      expect(images.length).toBe(2);
      latents.dispose();
    });
  });

  const latents = (shape: number[], name = "latents") =>
    write("wrong.safetensors", [float32Tensor(name, shape, new Float32Array(shape.reduce((a, b) => a * b)))]);
  const integers = () =>
    write("wrong.safetensors", [
      { name: "latents", dtype: "I32", shape: [1, 4, 1, 1], bytes: () => new Uint8Array(16) },
    ]);

  test.each<[string, () => Partial<SampleOptions>, RegExp]>([
    [
      "key",
      () => ({ latents: latents([1, 4, 8, 8], "noise") }),
      /wrong\.safetensors: expected a tensor "latents", got "noise"/,
    ],
    [
      "channels",
      () => ({ latents: latents([1, 3, 8, 8]) }),
      /wrong\.safetensors: expected "latents" of shape \[batch, 4, height, width\], got \[1, 3, 8, 8\]/,
    ],
    ["type", () => ({ latents: integers() }), /wrong\.safetensors: expected "latents" as floats .*got I32/],
    ["no such file", () => ({ latents: at("none.safetensors") }), /none\.safetensors/],
    [
      "size",
      () => ({ size: { width: 32, height: 16 } }),
      /latents\.safetensors: for pictures of 16x16, but the size asked for is 32x16/,
    ],
    ["batch", () => ({ batch: 3 }), /the batch asked for: 3 pictures, but .*latents\.safetensors: 2/],
    [
      "features",
      () => ({
        promptEmbeds: write("w.safetensors", [
          float32Tensor("prompt_embeds", [1, 2, 3], new Float32Array(6)),
        ]),
      }),
      /w\.safetensors: expected "prompt_embeds" of shape \[batch, tokens, 12\], got \[1, 2, 3\]/,
    ],
    [
      "negative half",
      () => ({
        promptEmbeds: write("w.safetensors", [{ ...runs.get("in.positive"), name: "prompt_embeds" }]),
      }),
      /"negative_prompt_embeds", too; only guidance 1 needs none/,
    ],
    [
      "number",
      () => ({
        latents: write("wrong.safetensors", [
          float32Tensor("latents", [1, 4, 1, 1], Float32Array.of(0, 0, Number.NaN, 0)),
        ]),
      }),
      /wrong\.safetensors: expected "latents" without NaN and infinity, got NaN at place 2 of 4/,
    ],
    [
      "count of negative embeddings",
      () => ({
        promptEmbeds: write("w.safetensors", [
          float32Tensor("prompt_embeds", [2, 1, 12], new Float32Array(24)),
          float32Tensor("negative_prompt_embeds", [3, 1, 12], new Float32Array(36)),
        ]),
      }),
      /w\.safetensors: embeddings of 2 prompts and 3 negative ones/,
    ],
    ["prompt beside embeddings", () => ({ prompt: "a" }), /a prompt or prompt embeddings, got both/],
    ["scheduler", () => ({ sampler: write("bad.json", []) }), /bad\.json: scheduler_config/],
  ])("a wrong one is named: %s", async (_, wrong, message) => {
    await expectNoTensorLeak(async () => {
      await expect(samplePictures(files(wrong()))).rejects.toThrow(message);
    });
  });
});

describe("a ControlNet and its base", () => {
  /** Saves a fresh net for a U-Net like the base's, but for what is given. */
  async function save(name: string, change: object, metadata: Record<string, unknown> = {}) {
    const net = await openControlNet(fixturePath("edges"));
    const config = controlNetConfig({ ...net.config.unet, ...change }, { hintWidths: net.config.hintWidths });
    const fresh = createControlNetFrom(config, randomInitializer(8));
    await saveControlNet(at(name), fresh, { metadata });
    disposeTree([net, fresh]);
    return { net: at(name), map: () => wanted("in.map0") };
  }

  test("that don't fit are both named", async () => {
    const other = await save("other-text", { contextChannels: 6 });
    await expectNoTensorLeak(async () => {
      await expect(samplePictures(files({ controls: [other] }))).rejects.toThrow(
        /other-text: made for a U-Net of .* 6 text features.*tiny has one of .* 12 text features/,
      );
    });
    const wide = await save("other-channels", { channels: [8, 24] });
    await expect(samplePictures(files({ controls: [wide] }))).rejects.toMatchObject({ code: "config" });
  });

  test("that were not trained together are warned about, by hash or by name", async () => {
    const { unet, text, autoencoder } = await openPipeline(model);
    const hash = hashUNet(unet);
    disposeTree([unet.params, text.params, autoencoder.params]);
    const warningsOf = async (base: unknown) => {
      const control = await save("trained", {}, { base });
      const { latents, applied } = await samplePictures(files({ controls: [control], steps: 1 }));
      latents.dispose();
      return applied.warnings;
    };
    expect(await warningsOf({ hash })).toEqual([]);
    expect(await warningsOf({ hash: "0".repeat(64), name: "sd15" })).toEqual([
      expect.stringMatching(/trained: .*trained with base model "sd15" \(0{12}\), not with this one/),
    ]);
    expect(await warningsOf("models/tiny")).toEqual([]);
    expect(await warningsOf("tinyworld")).toEqual([
      expect.stringMatching(/trained with base model "tinyworld", this one is ".*tiny"/),
    ]);
  });
});
