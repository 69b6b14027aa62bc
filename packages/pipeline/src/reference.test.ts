import { disposeTree } from "@controlnet-js/core";
import type { Pipeline } from "@controlnet-js/models";
import { openUNet } from "@controlnet-js/models/node";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { slice, type Tensor3D, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fixturePath, fixturePrompts, openReference, type Reference } from "./testing/references.js";
import { textToImage } from "./text-to-image.js";
import type { TextToImageOptions } from "./text-to-image-options.js";

let reference: Reference;
let wide: Pipeline["unet"];
let editing: Pipeline["unet"];
beforeAll(async () => {
  await useCpuBackend();
  reference = await openReference();
  wide = await openUNet(fixturePath("inpaint-unet"));
  const { input } = wide.params;
  const kernel = tidy(() => slice(input.kernel, [0, 0, 0, 0], [3, 3, 8, -1]));
  editing = {
    params: { ...wide.params, input: { ...input, kernel } },
    config: { ...wide.config, inChannels: 8 },
  };
}, 120_000);
afterAll(() => {
  reference.dispose();
  disposeTree(wide);
  editing.params.input.kernel.dispose();
});

const edges = (options = {}) => ({
  net: reference.edges,
  map: reference.get<Tensor4D>("in.map0"),
  ...options,
});
const depth = (options = {}) => ({
  net: reference.depth,
  map: reference.get<Tensor4D>("in.map1"),
  ...options,
});
const pooled = (options = {}) => {
  const { params, config } = reference.edges;
  return edges({ net: { params, config: { ...config, globalPooling: true } }, ...options });
};

const given = (options: TextToImageOptions = {}): TextToImageOptions => ({
  promptEmbeds: {
    positive: reference.get<Tensor3D>("in.positive"),
    negative: reference.get<Tensor3D>("in.negative"),
  },
  noise: reference.get<Tensor4D>("in.noise"),
  width: 16,
  height: 16,
  steps: 4,
  guidance: 7.5,
  ...options,
});

const picture = () => reference.get<Tensor4D>("in.picture");
const guess = { weighting: "guess-diffusers" } as const;
const cases: Record<string, () => TextToImageOptions> = {
  plain: () => given(),
  "plain-unguided": () => given({ guidance: 1 }),
  rescale: () => given({ guidanceRescale: 0.7 }),
  control: () => given({ controls: [edges()] }),
  strength: () => given({ controls: [edges({ strength: 0.6 })] }),
  window: () => given({ controls: [edges({ start: 0.3, end: 0.8 })], steps: 5 }),
  guess: () => given({ controls: [edges(guess)] }),
  "guess-unguided": () => given({ controls: [edges(guess)], guidance: 1 }),
  pooled: () => given({ controls: [pooled({ strength: 0.6 })] }),
  "pooled-unguided": () => given({ controls: [pooled()], guidance: 1 }),
  two: () => given({ controls: [edges({ strength: 0.7 }), depth({ strength: 1.2, end: 0.5 })] }),
  euler: () => given({ controls: [edges()], sampler: "euler" }),
  heun: () => given({ controls: [edges({ start: 0.4 })], sampler: "heun" }),
  // diffusers' strength is 0.8 by default in these two, and 0.5 in the next.
  img2img: () =>
    given({ controls: [edges({ strength: 0.8 })], steps: 5, image: { picture: picture(), strength: 0.6 } }),
  "img2img-window": () =>
    given({
      controls: [edges({ strength: 0.8, end: 0.6 })],
      steps: 5,
      image: { latents: reference.get<Tensor4D>("in.clean") },
    }),
  inpaint: () => given({ controls: [edges({ strength: 0.5 })], image: masked() }),
  "inpaint-9": () => given({ image: masked() }),
  "img2img-plain": () => given({ sampler: "euler", image: { picture: picture(), strength: 0.75 } }),
  "inpaint-plain": () => given({ sampler: "euler", image: { ...masked(), strength: 0.75 } }),
  "inpaint-9-part": () => given({ image: { ...masked(), strength: 0.75 } }),
  "inpaint-9-control": () => given({ controls: [edges({ strength: 0.5 })], image: masked() }),
  "img2img-plms": () => given({ sampler: "plms", image: { picture: picture(), strength: 0.5 } }),
  "img2img-pndm": () => given({ sampler: "pndm", image: { picture: picture(), strength: 0.5 } }),
  "img2img-lms": () => given({ sampler: "lms", steps: 5, image: { picture: picture(), strength: 0.6 } }),
  "inpaint-heun": () => given({ sampler: "heun", image: { ...masked(), strength: 0.75 } }),
  "inpaint-dpm2": () => given({ sampler: "dpm2", image: masked() }),
  "inpaint-plms": () => given({ sampler: "plms", image: masked() }),
  "inpaint-pndm": () => given({ sampler: "pndm", image: { ...masked(), strength: 0.75 } }),
  "inpaint-heun-window": () =>
    given({
      sampler: "heun",
      controls: [edges({ strength: 0.5, start: 0.3, end: 0.8 })],
      image: { ...masked(), strength: 0.75 },
    }),
  edit: () => given({ sampler: "euler", image: { picture: picture() }, imageGuidance: 2 }),
  "edit-unguided": () => given({ image: { picture: picture() }, guidance: 1 }),
  tiles: () => given({ image: { picture: picture(), strength: 0.5 }, tiles: { tileSize: 8 } }),
  "clip-skip": () => prompted({ clipSkip: 1 }),
  prompts: () => prompted({ controls: [edges()] }),
};

function masked() {
  return { picture: picture(), mask: reference.get<Tensor4D>("in.mask") };
}

function prompted(options: TextToImageOptions): TextToImageOptions {
  const { promptEmbeds, ...rest } = given(options);
  return { ...rest, prompts: fixturePrompts.prompts, negativePrompt: fixturePrompts.negative };
}

/** The U-Net of a case: the base's, the one for inpainting, or its first 8 input channels. */
function unetFor(name: string): Pipeline["unet"] {
  if (name.startsWith("inpaint-9")) return wide;
  return name.startsWith("edit") ? editing : reference.pipeline.unet;
}

test.each(Object.keys(cases))("the latents of diffusers: %s", async (name) => {
  await expectNoTensorLeak(async () => {
    const pipeline = { ...reference.pipeline, unet: unetFor(name) };
    const { latents } = await textToImage(pipeline, cases[name]!());
    expectClose(latents, reference.get(`out.${name}`), 1e-4);
    latents.dispose();
  });
});

test("the latents of diffusers: a prompt in three pieces, and a negative one filled up to as many", async () => {
  await expectNoTensorLeak(async () => {
    const { promptEmbeds, noise, ...rest } = given({ longPrompts: true });
    const first = tidy(() => slice(noise!, [0, 0, 0, 0], [1, -1, -1, -1]) as Tensor4D);
    const { latents, applied } = await textToImage(reference.pipeline, {
      ...rest,
      noise: first,
      prompts: [fixturePrompts.long],
      negativePrompt: "blurry",
    });
    expectClose(latents, reference.get("out.long"), 1e-4);
    expect(applied.warnings).toEqual([]);
    first.dispose();
    latents.dispose();
  });
});

test("a ControlNet joins editing, in each part or the conditional one; what contradicts editing is named", async () => {
  const pipeline = { ...reference.pipeline, unet: editing };
  const edit = (options: TextToImageOptions) =>
    given({ steps: 1, image: { picture: picture() }, ...options });
  const run = async (options: TextToImageOptions) => {
    const { latents, applied } = await textToImage(pipeline, edit(options));
    const values = [...latents.dataSync()];
    latents.dispose();
    return { values, half: applied.controls[0]?.half };
  };
  await expectNoTensorLeak(async () => {
    const plain = await run({});
    const none = await run({ controls: [edges({ layers: [0, 0, 0, 0, 1e-12] })] });
    expectClose(none.values, plain.values, 1e-5);
    const whole = await run({ controls: [edges()] });
    const conditional = await run({ controls: [edges({ half: "conditional" })] });
    expect([whole.half, conditional.half]).toEqual(["both", "conditional"]);
    for (const other of [plain, conditional])
      expect(Math.max(...whole.values.map((value, i) => Math.abs(value - other.values[i]!)))).toBeGreaterThan(
        0.01,
      );
    const mistakes: [TextToImageOptions, RegExp][] = [
      [{ image: { ...masked() } }, /edits by instruction: it takes no image mask/],
      [{ image: { picture: picture(), strength: 0.5 } }, /no image strength/],
      [{ image: { picture: picture(), latents: reference.get<Tensor4D>("in.clean") } }, /got both/],
      [{ imageGuidance: 0.5 }, /imageGuidance: expected number to be >=1, got 0\.5/],
    ];
    for (const [wrong, message] of mistakes)
      await expect(textToImage(pipeline, edit(wrong))).rejects.toThrow(message);
    const { image: _, ...alone } = edit({});
    await expect(textToImage(pipeline, alone)).rejects.toThrow(/edits by instruction: give image/);
  });
});

test("the pictures of diffusers, from prompts to bytes", async () => {
  const { images, latents } = await textToImage(reference.pipeline, cases.prompts!());
  latents.dispose();
  const wanted = reference.get<Tensor4D>("out.picture").dataSync();
  const got = images.flatMap((image) => [...image.data]);
  expect(images.map(({ width, height, channels }) => [width, height, channels])).toEqual([
    [16, 16, 3],
    [16, 16, 3],
  ]);
  expect(Math.max(...got.map((value, i) => Math.abs(value - wanted[i]! * 255)))).toBeLessThan(0.51);
});
