import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { float32Tensor, parseSafetensors, toFloat32, writeSafetensors } from "@controlnet-js/checkpoints";
import { controlNetConfig, createControlNetFrom } from "@controlnet-js/controlnet";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { disposePipeline } from "@controlnet-js/models";
import { openPipeline, saveControlNet } from "@controlnet-js/models/node";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeTinyBase } from "../testing/tiny-base.js";
import { sample } from "./sample.js";
import { type GivenParameters, mergeParameters, readParameters } from "./sample-parameters.js";

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "sample-"));
  await writeTinyBase(at("base"));
  const base = await openPipeline(at("base"));
  const config = controlNetConfig(base.unet.config, { hintWidths: [4, 4, 4, 4] });
  const net = createControlNetFrom(config, randomInitializer(5));
  await saveControlNet(at("net"), net, { metadata: { condition: "canny", base: "other" } });
  disposeTree(net);
  disposePipeline(base);
  const pixels = Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (i * 37) % 256);
  await sharp(pixels, { raw: { width: 40, height: 24, channels: 3 } }).toFile(at("map.png"));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const net = (options: object) => ({ path: at("net"), strength: 1, start: 0, end: 1, ...options });
const parameters = (given: GivenParameters = {}) =>
  mergeParameters({
    model: at("base"),
    prompt: "red ball",
    steps: 2,
    guidance: 3,
    seed: 4,
    engine: "cpu",
    ...given,
  });
const pixelsOf = async (path: string) => [...(await sharp(path).raw().toBuffer())];

test("paints at the map's size, warns of what is odd, and makes the same picture again", async () => {
  await expectNoTensorLeak(async () => {
    const json = { _class_name: "DPMSolverMultistepScheduler", beta_schedule: "scaled_linear" };
    // Python writes infinity as JSON does not know it.
    writeFileSync(
      at("scheduler.json"),
      JSON.stringify({ ...json, lambda_min_clipped: 0 }).replace(":0", ": -Infinity"),
    );
    const made = await sample({
      parameters: parameters({
        controls: [net({ map: at("map.png"), strength: 0.7 })],
        sampler: at("scheduler.json"),
        guessMode: "diffusers",
        batch: 2,
      }),
      out: at("first"),
      saveLatents: at("deep/final.safetensors"),
    });
    expect(made.files).toEqual([at("first/picture-4-0.png"), at("first/picture-4-1.png")]);
    expect(made.parameters).toMatchObject({ width: 40, height: 24, batch: 2, sampler: json });
    expect(made.applied.controls[0]).toMatchObject({ weighting: "guess-diffusers", half: "conditional" });
    expect(made.warnings[0]).toMatch(/trained with base model "other"/);
    const latents = parseSafetensors(readFileSync(made.latents!)).get("latents");
    expect(latents.shape).toEqual([2, 4, 3, 5]);
    expect(toFloat32(latents).every(Number.isFinite)).toBe(true);

    // The scheduler's file is not needed again: the picture holds it.
    rmSync(at("scheduler.json"));
    for (const from of [made.files[1]!, made.files[0]!.replace("png", "json")]) {
      const before = readParameters(from);
      const again = await sample({
        parameters: mergeParameters({}, before.parameters),
        out: at("again"),
        before,
      });
      expect(again.warnings).toEqual(made.warnings);
      for (const [i, file] of again.files.entries())
        expect(await pixelsOf(file)).toEqual(await pixelsOf(made.files[i]!));
    }
    const kept = readParameters(made.files[0]!);
    const other = await sample({
      parameters: mergeParameters({ seed: 5, batch: 1 }, kept.parameters),
      out: at("again"),
      before: { ...kept, ranOn: "an abacus" },
    });
    expect(await pixelsOf(other.files[0]!)).not.toEqual(await pixelsOf(made.files[0]!));
    expect(other.warnings[0]).toMatch(/made with an abacus, this runs with plain JavaScript/);
  });
}, 120_000);

test("a photo's map is made at the size of a ready map; latents decide the size of both", async () => {
  await expectNoTensorLeak(async () => {
    copyFileSync(at("map.png"), at("photo.png"));
    const controls = [net({ image: at("photo.png"), end: 0.5 }), net({ map: at("map.png") })];
    const made = await sample({ parameters: parameters({ controls, steps: 1 }), out: at("two") });
    expect([made.applied.width, made.applied.height]).toEqual([40, 24]);
    const noise = float32Tensor(
      "latents",
      [1, 4, 2, 3],
      Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
    );
    writeFileSync(at("latents.safetensors"), writeSafetensors([noise]));
    const given = await sample({
      parameters: parameters({ controls, steps: 1, latents: at("latents.safetensors") }),
      out: at("two"),
    });
    expect([given.applied.width, given.applied.height]).toEqual([24, 16]);
    expect(given.warnings.join("\n")).toMatch(/map\.png: resized from 40x24 to 24x16, the picture's size/);
  });
}, 120_000);

test("no picture, map, model or latents that a run reads or has made before is overwritten", async () => {
  const out = at("kept");
  const run = (given: GivenParameters, from?: string, saveLatents?: string) =>
    sample({ parameters: parameters({ steps: 1, width: 24, height: 16, ...given }), out, from, saveLatents });
  const [first] = (await run({ prompt: "red ball" }, undefined, at("kept/latents.safetensors"))).files;
  const before = readFileSync(first!);
  const [second] = (await run({ prompt: "blue cube" })).files;
  const [again] = (await run({ initImage: first!, denoise: 1 }, second)).files;
  expect([first, second, again]).toEqual([0, 1, 2].map((n) => at(`kept/picture-4-${n}.png`)));
  expect(readFileSync(first!)).toEqual(before);

  copyFileSync(at("map.png"), at("kept/map-0.png"));
  const photo = [net({ image: at("kept/map-0.png") })];
  const made = await sample({ parameters: parameters({ steps: 1, controls: photo }), out, saveMaps: out });
  expect(made.maps).toEqual([at("kept/map-0-1.png")]);
  expect(readFileSync(at("kept/map-0.png"))).toEqual(readFileSync(at("map.png")));

  symlinkSync(at("kept/latents.safetensors"), at("kept/link.safetensors"));
  linkSync(at("kept/latents.safetensors"), at("kept/hard.safetensors"));
  symlinkSync(at("net"), at("kept/net"));
  const latents = at("kept/latents.safetensors");
  const weights = "diffusion_pytorch_model.safetensors";
  for (const [given, file, from] of [
    [{ latents }, latents],
    [{ latents }, at("kept/link.safetensors")],
    [{ latents: at("kept/link.safetensors") }, at("kept/hard.safetensors")],
    [{ initLatents: latents }, latents],
    [{ controls: photo }, at(`kept/net/${weights}`)],
    [{}, at(`base/unet/${weights}`)],
    [{}, first!, first!],
  ] as [GivenParameters, string, string?][])
    await expect(run(given, from, file)).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/--save-latents .* would overwrite .*; give another file/),
    });
}, 120_000);

test.each<[string, () => GivenParameters, RegExp]>([
  ["a missing map", () => ({ controls: [net({ map: "/nowhere/map.png" })] }), /\/nowhere\/map\.png/],
  [
    "neither map nor photo",
    () => ({ controls: [net({})] }),
    /--image PHOTO and --map MAP after it, got neither/,
  ],
  ["both", () => ({ controls: [net({ map: "a", image: "b" })] }), /got both/],
  ["no prompt", () => ({ prompt: undefined }), /expected a prompt: --prompt TEXT/],
  ["a size", () => ({ width: 20, height: 16 }), /multiples of 8, got 20x16; the nearest is 24x16/],
])("named: %s", async (_, given, message) => {
  const all = { ...parameters(), ...given() };
  await expectNoTensorLeak(async () => {
    await expect(sample({ parameters: all, out: at("never") })).rejects.toThrow(message);
  });
  expect(existsSync(at("never"))).toBe(false);
});

test("guidance of 1 and below leaves the unconditional half out, as in diffusers", async () => {
  const size = { width: 16, height: 16, steps: 1 };
  const [half, one] = [
    await sample({ parameters: parameters({ ...size, guidance: 0.5 }), out: at("half") }),
    await sample({ parameters: parameters({ ...size, guidance: 1 }), out: at("one") }),
  ];
  expect(half.applied.guidance).toBe(1);
  expect(half.parameters.guidance).toBe(0.5);
  expect(await pixelsOf(half.files[0]!)).toEqual(await pixelsOf(one.files[0]!));
}, 120_000);

test("the command line prints one JSON document, and repeats a picture", async () => {
  const app = fileURLToPath(new URL("../..", import.meta.url));
  const cli = (...args: string[]) =>
    JSON.parse(
      execFileSync(
        process.execPath,
        ["--conditions=@controlnet-js/source", "--import", "tsx", "src/cli.ts", "sample", ...args, "--json"],
        { cwd: app, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
      ),
    );
  const control = ["--control", at("net"), "--map", at("map.png"), "--strength", "0.5"];
  const first = cli(
    ...["--model", at("base"), "--prompt", "blue cube", "--steps", "1", "--engine", "cpu", "--guess-mode"],
    ...["--size", "16x24", ...control, "--out", at("cli")],
  );
  expect(first).toMatchObject({
    files: [at("cli/picture-0-0.png")],
    parameters: {
      prompt: "blue cube",
      guessMode: "diffusers",
      width: 16,
      height: 24,
      controls: [{ strength: 0.5 }],
    },
    applied: { sampler: "ddim" },
  });
  const again = cli("--from", first.files[0], "--out", at("cli-again"));
  expect(again.parameters).toEqual(first.parameters);
  expect(await pixelsOf(again.files[0])).toEqual(await pixelsOf(first.files[0]));
}, 300_000);
