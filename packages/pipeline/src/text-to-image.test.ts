import { type ControlNet, createControlNet } from "@controlnet-js/controlnet";
import { disposeTree, type Image } from "@controlnet-js/core";
import { openControlNet, openPipeline } from "@controlnet-js/models/node";
import { levelOf } from "@controlnet-js/samplers";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultPrompt } from "./prompt-settings.js";
import { fixturePath, openReference, type Reference } from "./testing/references.js";
import { type CompiledPipeline, compilePipeline } from "./text-to-image.js";
import type { TextToImageOptions } from "./text-to-image-options.js";

let reference: Reference;
let compiled: CompiledPipeline;
beforeAll(async () => {
  await useCpuBackend();
  reference = await openReference();
  compiled = compilePipeline(reference.pipeline);
}, 120_000);
afterAll(() => {
  compiled.dispose();
  reference.dispose();
});

const map: Image = {
  data: Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 37) % 256),
  width: 16,
  height: 16,
  channels: 3,
};
const edges = (options = {}) => ({
  net: reference.edges,
  map,
  ...options,
});
const pooledNet = (): ControlNet => {
  const { params, config } = reference.edges;
  return { params, config: { ...config, globalPooling: true } };
};
const quick = (options: TextToImageOptions = {}): TextToImageOptions => ({
  prompts: ["a red cube"],
  steps: 2,
  seed: 5,
  ...options,
});

/** The latents' values of a run that must leave nothing behind. */
async function run(options: TextToImageOptions) {
  let values: Float32Array = new Float32Array();
  let applied: Awaited<ReturnType<CompiledPipeline["textToImage"]>>["applied"] | undefined;
  await expectNoTensorLeak(async () => {
    const result = await compiled.textToImage(options);
    values = Float32Array.from(result.latents.dataSync());
    applied = result.applied;
    result.latents.dispose();
  });
  return { values, applied: applied! };
}

const distance = (a: Float32Array, b: Float32Array) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describe("a picture", () => {
  test("does not depend on its batch", async () => {
    const alone = await run(quick({ prompts: ["a blue ball"], indices: [7], eta: 1 }));
    const together = await run(quick({ prompts: ["a red cube", "a blue ball"], indices: [3, 7], eta: 1 }));
    expectClose(together.values.slice(alone.values.length), alone.values, 1e-5);
    expect(together.applied).toMatchObject({
      width: 16,
      height: 16,
      indices: [3, 7],
      sampler: "ddim",
      guidance: 9,
    });
  });

  test("takes an opened ControlNet with its metadata, and says how where it is given otherwise", async () => {
    expect(reference.edges.metadata).toBeDefined();
    const spread = quick({ controls: [{ ...reference.edges, map } as never] });
    await expect(compiled.textToImage(spread)).rejects.toThrow(/unknown option "params".*known: net, map/);
    const without = quick({ controls: [{ map } as never] });
    await expect(compiled.textToImage(without)).rejects.toThrow(
      "controls: [{ net: await openControlNet(path), map }]",
    );
  });

  test("is what the plain model makes, bit for bit, with a fresh ControlNet", async () => {
    const { unet: _, ...options } = reference.edges.config;
    const net = createControlNet(reference.pipeline.unet, options);
    const controlled = await run(quick({ controls: [{ net, map }] }));
    disposeTree(net);
    expect(controlled.values).toEqual((await run(quick())).values);
  });

  test("can be watched: steps, previews, aborting", async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    await expectNoTensorLeak(async () => {
      const options = quick({
        steps: 3,
        signal: stop.signal,
        onStep: async ({ step, steps, preview }) => {
          const [image] = await preview();
          seen.push(`${step + 1}/${steps} ${image!.width}x${image!.height}x${image!.channels}`);
          if (step === 1) stop.abort();
        },
      });
      await expect(compiled.textToImage(options)).rejects.toMatchObject({ code: "aborted" });
    });
    expect(seen).toEqual(["1/3 16x16x3", "2/3 16x16x3"]);
  });
});

describe("a ControlNet", () => {
  test("that has no effect is skipped, and the report says so", async () => {
    const plain = await run(quick());
    const { values, applied } = await run(
      quick({ controls: [edges({ strength: 0, name: "edges" }), edges({ start: 0.6 })] }),
    );
    expect(values).toEqual(plain.values);
    expect(applied.controls[0]).toMatchObject({
      name: "edges",
      calls: [{ skipped: "all scales are 0" }, { skipped: "all scales are 0" }],
    });
    expect(applied.controls[1]!.calls.map(({ skipped }) => skipped)).toEqual(
      Array(2).fill("outside its window"),
    );
    expect(applied.warnings).toEqual([
      "edges: it had no effect in any step",
      "control 2: it had no effect in any step",
    ]);
  });

  test("adds up with others", async () => {
    const twice = await run(quick({ controls: [edges({ strength: 0.5 }), edges({ strength: 0.5 })] }));
    const once = await run(quick({ controls: [edges()] }));
    expectClose(twice.values, once.values, 1e-4);
    expect(once.applied.controls[0]!.calls[0]!.scales).toEqual([1, 1, 1, 1, 1]);
  });

  test("works where its mask is: everywhere, nowhere, on the left", async () => {
    const mask = (value: (x: number) => number): Image => ({
      data: Uint8Array.from({ length: 256 }, (_, i) => value(i % 16)),
      width: 16,
      height: 16,
      channels: 1,
    });
    const plain = await run(quick());
    const whole = await run(quick({ controls: [edges()] }));
    const everywhere = await run(quick({ controls: [edges({ mask: mask(() => 255) })] }));
    const nowhere = await run(quick({ controls: [edges({ mask: mask(() => 0) })] }));
    const left = await run(quick({ controls: [edges({ mask: mask((x) => (x < 8 ? 255 : 0)) })] }));
    expectClose(everywhere.values, whole.values, 1e-5);
    expectClose(nowhere.values, plain.values, 1e-5);
    expect(distance(left.values, whole.values)).toBeGreaterThan(0.01);
    expect(distance(left.values, plain.values)).toBeGreaterThan(0.01);
    expect(left.applied.controls[0]!.masked).toBe(true);
  });

  test("weighs its links as asked, and half decides which half of guidance it sees", async () => {
    const base = { controls: [edges()] };
    const layered = await run(quick({ controls: [edges({ layers: [0.5, 0.5, 0.5, 0.5, 0.5] })] }));
    expectClose(layered.values, (await run(quick({ controls: [edges({ strength: 0.5 })] }))).values, 1e-5);
    const conditional = await run(quick({ controls: [edges({ half: "conditional" })] }));
    expect(distance(conditional.values, (await run(quick(base))).values)).toBeGreaterThan(0.01);
    const guess = await run(quick({ ...base, guessMode: "original" }));
    expect(guess.applied.controls[0]).toMatchObject({ weighting: "guess", half: "conditional" });
    const resolution = await run(quick({ controls: [edges({ weighting: "resolution", links: "middle" })] }));
    expect(resolution.applied.controls[0]!.calls[0]!.scales).toEqual([0, 0, 0, 0, 2]);
    const early = await run(
      quick({ controls: [edges({ strength: ({ call }: { call: number }) => 1 - call })] }),
    );
    expect(early.applied.controls[0]!.calls.map(({ scales }) => scales?.[0])).toEqual([1, undefined]);
  });

  test("that is globally pooled controls both halves after one that is not, as in diffusers", async () => {
    const pooled = edges({ net: pooledNet() });
    const halves = async (options: object) =>
      (await run(quick(options))).applied.controls.map(({ half }) => half);
    expect(await halves({ controls: [edges(), pooled] })).toEqual(["both", "both"]);
    expect(await halves({ controls: [pooled, edges()] })).toEqual(["conditional", "both"]);
    expect(await halves({ controls: [edges(), pooled], guessMode: "diffusers" })).toEqual([
      "conditional",
      "conditional",
    ]);
  });

  test("that is globally pooled controls the conditional half, evenly, in guess mode, too; a mask still places it", async () => {
    const pooled = (options = {}) => edges({ net: pooledNet(), ...options });
    const { values, applied } = await run(quick({ controls: [pooled()] }));
    expect(applied.controls[0]).toMatchObject({ weighting: "even", half: "conditional" });
    for (const guessMode of ["original", "diffusers"] as const)
      expect((await run(quick({ controls: [pooled()], guessMode }))).values).toEqual(values);
    const both = await run(quick({ controls: [pooled({ half: "both" })] }));
    expect(distance(both.values, values)).toBeGreaterThan(0.01);
    const mask = (left: number): Image => ({
      data: Uint8Array.from({ length: 256 }, (_, i) => (i % 16 < 8 ? left : 255)),
      width: 16,
      height: 16,
      channels: 1,
    });
    expectClose((await run(quick({ controls: [pooled({ mask: mask(255) })] }))).values, values, 1e-5);
    const right = await run(quick({ controls: [pooled({ mask: mask(0) })] }));
    expect(distance(right.values, values)).toBeGreaterThan(0.01);
  });
});

describe("guidance", () => {
  test("of 1 leaves the unconditional half out", async () => {
    const a = await run(quick({ guidance: 1, negativePrompt: "blurry" }));
    const b = await run(quick({ guidance: 1 }));
    expect(a.values).toEqual(b.values);
    expect(a.applied.warnings).toEqual(["guidance is 1: the negative prompt was not used"]);
  });

  test("by a gradient of one's own moves a step of DDIM by what eps - sigma grad comes to", async () => {
    const gradient = (latents: tf.Tensor4D) => tf.fill(latents.shape, 0.25) as tf.Tensor4D;
    const one = quick({ steps: 1, guidance: 3, sampler: "ddim" });
    const plain = await run(one);
    const steered = await run({ ...one, classifier: { gradient, scale: 2 } });
    const { alpha, sigma } = levelOf(reference.pipeline.schedule.alphasCumprod[plain.applied.timesteps[0]!]!);
    // The last step ends near the clean latent, x0 = (x - sigma eps) / alpha, here at training's first timestep.
    const end = levelOf(reference.pipeline.schedule.alphasCumprod[0]!);
    const shift = -2 * sigma * 0.25;
    const moved = (end.alpha * -sigma * shift) / alpha + end.sigma * shift;
    expectClose(
      steered.values,
      plain.values.map((value) => value + moved),
      1e-4,
    );
  });

  test("by a gradient of one's own: eps - sigma grad", async () => {
    const pull = (latents: tf.Tensor4D) => tf.mul(latents, -1) as tf.Tensor4D;
    const steered = await run(quick({ classifier: { gradient: pull, scale: 0.5 } }));
    const plain = await run(quick());
    const size = (values: Float32Array) => values.reduce((sum, value) => sum + value ** 2, 0);
    expect(size(steered.values)).toBeLessThan(size(plain.values));
    expect((await run(quick({ classifier: { gradient: pull, scale: 0 } }))).values).toEqual(plain.values);
  });
});

describe("the paper's prompt settings", () => {
  test("none, default, automatic", async () => {
    const none = await run({ steps: 1, promptSetting: "none" });
    expect(none.applied.prompts).toEqual([""]);
    const standard = await run({ steps: 1, promptSetting: "default", indices: [4, 5] });
    expect(standard.applied.prompts).toEqual([defaultPrompt, defaultPrompt]);
    const seen: number[] = [];
    const captioner = (picture: Image) => `a picture of ${seen.push(picture.width)}`;
    const automatic = await run({ steps: 1, promptSetting: "automatic", captioner });
    expect(automatic.applied.prompts).toEqual(["a picture of 1"]);
    await expect(compiled.textToImage({ promptSetting: "automatic" })).rejects.toThrow(/captioner/);
  });
});

test("`using` frees what a run, a compiled pipeline and opened models hold", async () => {
  await expectNoTensorLeak(async () => {
    using pipeline = await openPipeline(fixturePath("tiny"));
    using net = await openControlNet(fixturePath("edges"));
    using once = compilePipeline(pipeline);
    using result = await once.textToImage(quick({ controls: [{ net, map }] }));
    expect(result.images).toHaveLength(1);
    expect(Object.keys({ ...net })).toEqual(["params", "config", "metadata"]);
  });
});

describe("mistakes are named", () => {
  test.each<[string, () => object, RegExp]>([
    ["size", () => quick({ width: 17 }), /multiples of 2, got 17x16; the nearest is 18x16/],
    [
      "map size",
      () => quick({ width: 32, height: 32, controls: [edges()] }),
      /control 1: map: expected 32x32.*got 16x16/,
    ],
    [
      "map channels",
      () => quick({ controls: [edges({ map: { ...map, channels: 1, data: map.data.slice(0, 256) } })] }),
      /3 channels, got/,
    ],
    ["unknown option", () => ({ ...quick(), guidence: 3 }), /did you mean "guidance"/],
    [
      "unknown control option",
      () => quick({ controls: [edges({ strenght: 3 })] }),
      /did you mean "strength"/,
    ],
    ["no prompts", () => quick({ prompts: [] }), /at least one prompt/],
    ["sampler", () => quick({ sampler: "ddmi" }), /did you mean "ddim"/],
    ["eta of another sampler", () => quick({ sampler: "euler", eta: 1 }), /eta belongs to/],
    ["window", () => quick({ controls: [edges({ start: 0.9, end: 0.2 })] }), /0 <= start < end <= 1/],
    ["image strength", () => quick({ image: { picture: map, strength: 0.1 } }), /leaves none of 2 steps/],
    ["no picture", () => quick({ image: {} }), /image needs a picture or latents/],
    ["unknown image option", () => quick({ image: { pictur: map } as object }), /did you mean "picture"/],
    ["image guidance", () => quick({ imageGuidance: 2 }), /belongs to U-Nets that edit.* this one has 4/],
    ["clip skip", () => quick({ clipSkip: 3 }), /clipSkip of 0 to 2, the text encoder's layers, got 3/],
    ["negative clip skip", () => quick({ negativeClipSkip: 0.5 }), /negativeClipSkip of 0 to 2/],
    ["tiles", () => quick({ tiles: { tileSize: 3 } }), /side is a multiple of 2 .*got 3 and 0\.25/],
  ])("%s", async (_, options, message) => {
    await expectNoTensorLeak(async () => {
      await expect(compiled.textToImage(options() as TextToImageOptions)).rejects.toThrow(message);
    });
  });

  test("NaN in a latent, with its step; what the model did not see of a prompt; a blank map", async () => {
    const noise = tf.fill([1, 8, 8, 4], Number.NaN) as tf.Tensor4D;
    await expectNoTensorLeak(async () => {
      await expect(compiled.textToImage(quick({ noise }))).rejects.toThrow(
        /NaN or infinity after step 1 of 2/,
      );
    });
    noise.dispose();
    const long = "a red cube on the grass beside a blue ball, in the evening";
    const blank = { ...map, data: new Uint8Array(16 * 16 * 3) };
    const { applied } = await run(quick({ prompts: [long], controls: [edges({ map: blank })] }));
    expect(applied.warnings[0]).toMatch(/control 1: the map is blank/);
    expect(applied.warnings[1]).toMatch(
      /prompt 1: (\d+) of its (\d+) tokens were cut off, 14 fit; the model did not see: ".*evening"/,
    );
  });
});

test("prompts whose second half can't be encoded leave nothing behind", async () => {
  const { functions } = compiled;
  const { encodeText } = functions;
  let calls = 0;
  const failing = (...given: Parameters<typeof encodeText>) => {
    if (++calls === 2) throw new Error("out of memory");
    return encodeText(...given);
  };
  functions.encodeText = Object.assign(failing, { dispose: () => {} });
  try {
    await expectNoTensorLeak(async () => {
      await expect(compiled.textToImage(quick({ clipSkip: 1 }))).rejects.toThrow("out of memory");
    });
  } finally {
    functions.encodeText = encodeText;
  }
});
