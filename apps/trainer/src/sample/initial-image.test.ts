import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { float32Tensor, parseSafetensors, toFloat32, writeSafetensors } from "@controlnet-js/checkpoints";
import { disposePipeline } from "@controlnet-js/models";
import { openPipeline, savePipeline } from "@controlnet-js/models/node";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { slice, tidy } from "@tensorflow/tfjs-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixturePath } from "../testing/fixture-path.js";
import { runProgram } from "../testing/run-program.js";
import type { SampleReport } from "./sample.js";

const runs = parseSafetensors(readFileSync(fixturePath("runs.safetensors")));
let folder: string;
const at = (name: string) => join(folder, name);

/** The first sample of a tensor of the reference. */
const first = (name: string) => {
  const { shape } = runs.get(name);
  const values = toFloat32(runs.get(name));
  return { shape: [1, ...shape.slice(1)], values: values.slice(0, values.length / shape[0]!) };
};
const write = (name: string, tensors: Record<string, string>) => {
  const named = Object.entries(tensors).map(([key, from]) => {
    const { shape, values } = first(from);
    return float32Tensor(key, shape, values);
  });
  writeFileSync(at(name), writeSafetensors(named));
};
const png = (name: string, pixels: Uint8Array, width: number, height: number, channels: 1 | 3) =>
  sharp(pixels, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .toFile(at(name));

beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "initial-image-"));
  cpSync(fixturePath("tiny"), at("paint"), { recursive: true });
  cpSync(fixturePath("tiny"), at("inpaint"), { recursive: true });
  rmSync(at("inpaint/unet"), { recursive: true });
  cpSync(fixturePath("inpaint-unet"), at("inpaint/unet"), { recursive: true });
  const wide = await openPipeline(at("inpaint"));
  const { input, ...rest } = wide.unet.params;
  const kernel = tidy(() => slice(input.kernel, [0, 0, 0, 0], [3, 3, 8, -1]));
  const unet = {
    params: { ...rest, input: { ...input, kernel } },
    config: { ...wide.unet.config, inChannels: 8 },
  };
  await savePipeline(at("edit"), { ...wide, unet });
  kernel.dispose();
  disposePipeline(wide);
  write("noise.safetensors", { latents: "in.noise" });
  write("clean.safetensors", { latents: "in.clean" });
  write("embeds.safetensors", { prompt_embeds: "in.positive", negative_prompt_embeds: "in.negative" });
  const planes = first("in.bytes").values;
  const pixels = Uint8Array.from(
    { length: planes.length },
    (_, i) => planes[(i % 3) * 256 + Math.floor(i / 3)]!,
  );
  await png("picture.png", pixels, 16, 16, 3);
  await png(
    "mask.png",
    Uint8Array.from(first("in.mask").values, (value) => value * 255),
    16,
    16,
    1,
  );
  await png(
    "large.png",
    Uint8Array.from({ length: 37 * 22 * 3 }, (_, i) => (i * 31) % 256),
    37,
    22,
    3,
  );
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sample = async (...args: string[]): Promise<SampleReport> =>
  JSON.parse(await runProgram("sample", "--engine", "cpu", "--json", "--out", at("out"), ...args));
const given = () => ["--latents", at("noise.safetensors"), "--prompt-embeds", at("embeds.safetensors")];
const picture = () => ["--init-image", at("picture.png")];
const mask = () => ["--mask", at("mask.png")];
const painting = (model: string) => ["--model", at(model), "--prompt", "a red cube", "--steps", "2"];

describe("from the command line, what diffusers makes of the same files", () => {
  test.each<[string, string, () => string[]]>([
    ["img2img", "paint", () => [...picture(), "--denoise", "0.75"]],
    ["inpaint", "paint", () => [...picture(), ...mask(), "--denoise", "0.75"]],
    ["inpaint-9", "inpaint", () => [...picture(), ...mask()]],
    ["edit", "edit", () => [...picture(), "--image-guidance", "2"]],
  ])("%s", async (name, model, options) => {
    await expectNoTensorLeak(async () => {
      const kept = at("got.safetensors");
      const run = ["--model", at(model), "--steps", "4", "--guidance", "7.5", "--save-latents", kept];
      const { warnings } = await sample(...run, ...given(), ...options());
      expect(warnings).toEqual([]);
      const got = toFloat32(parseSafetensors(readFileSync(kept)).get("latents"));
      expectClose(got, first(`out.file-${name}`).values, 1e-4);
    });
  });
});

test("the picture's size is painted; its parameters name the files by hash, and a changed one is told of", async () => {
  const made = await sample(
    ...painting("paint"),
    "--init-image",
    at("large.png"),
    "--denoise",
    "0.5",
    "--seed",
    "3",
  );
  expect(made.parameters).toMatchObject({ initImage: at("large.png"), denoise: 0.5, width: 36, height: 22 });
  expect(made.applied).toMatchObject({ width: 36, height: 22, startStep: 1 });
  expect(made.warnings).toEqual([expect.stringMatching(/large\.png: resized from 37x22 to 36x22/)]);
  const pixels = () => sharp(made.files[0]!).raw().toBuffer();
  const before = await pixels();
  const again = await sample("--from", made.files[0]!);
  expect(again.warnings).toEqual(made.warnings);
  expect((await pixels()).equals(before)).toBe(true);
  await sharp(at("large.png")).negate().toFile(at("negative.png"));
  cpSync(at("negative.png"), at("large.png"));
  const other = await sample("--from", made.files[0]!);
  expect(other.warnings[0]).toMatch(/large\.png: has changed since the picture was made/);
});

test("ready latents, as --save-latents writes them, take the picture's place", async () => {
  await expectNoTensorLeak(async () => {
    const made = await sample(
      ...painting("paint"),
      "--init-latents",
      at("clean.safetensors"),
      "--tiles",
      "8",
    );
    expect(made.applied).toMatchObject({ width: 16, height: 16 });
    expect(made.parameters).toMatchObject({ initLatents: at("clean.safetensors"), tiles: 8 });
  });
});

test.each<[string, () => string[], RegExp]>([
  ["a mask alone", () => [...painting("paint"), ...mask()], /--mask needs the picture.*--init-image/],
  ["denoise alone", () => [...painting("paint"), "--denoise", "0.5"], /--denoise needs the picture/],
  [
    "denoise of 0",
    () => [...painting("paint"), ...picture(), "--denoise", "0"],
    /--denoise.*above 0, up to 1/,
  ],
  [
    "too little denoise",
    () => [...painting("paint"), ...picture(), "--denoise", "0.4"],
    /--denoise 0\.4 leaves none of 2 steps; raise it to at least 0\.5/,
  ],
  [
    "an inpainting model without a mask",
    () => [...painting("inpaint"), ...picture()],
    /inpaint is for inpainting \(9 input channels\): give --init-image PICTURE and --mask MASK/,
  ],
  [
    "an editing model without a picture",
    () => painting("edit"),
    /edit edits by instruction \(8 input channels\): give --init-image/,
  ],
  ["an editing model with a mask", () => [...painting("edit"), ...picture(), ...mask()], /takes no --mask/],
  [
    "image guidance elsewhere",
    () => [...painting("paint"), ...picture(), "--image-guidance", "2"],
    /--image-guidance belongs to models that edit by instruction, of 8 input channels; .*paint has 4/,
  ],
  [
    "picture and latents",
    () => [...painting("paint"), ...picture(), "--init-latents", at("clean.safetensors")],
    /--init-image or --init-latents, got both/,
  ],
  [
    "a mask of another shape",
    () => [...painting("paint"), "--init-image", at("large.png"), ...mask()],
    /mask\.png: expected a mask of the picture's shape, 37x22, got 16x16/,
  ],
  [
    "latents of another size",
    () => [...painting("paint"), "--init-latents", at("clean.safetensors"), "--size", "32x32"],
    /clean\.safetensors: for pictures of 16x16, but the size asked for is 32x32/,
  ],
  [
    "no picture",
    () => [...painting("paint"), "--init-image", "/nowhere.png"],
    /can't read the picture \/nowhere/,
  ],
])("a mistake is told in flags: %s", async (_, args, message) => {
  await expectNoTensorLeak(async () => {
    await expect(sample(...args())).rejects.toThrow(message);
  });
});
