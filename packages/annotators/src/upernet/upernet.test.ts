import { readFileSync } from "node:fs";
import { tensorSource } from "@controlnet-js/checkpoints";
import { disposeTree } from "@controlnet-js/core";
import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { processPicture } from "../hugging-face/picture-processor.js";
import { sceneProcessor } from "../hugging-face/scene-processors.js";
import { madeSource, madeWeights } from "../testing/made-weights.js";
import { asImage, type FixtureArray, readFixture } from "../testing/read-fixture.js";
import { useWasm } from "../testing/use-wasm.js";
import { uperNetConfigFromTransformers } from "./config.js";
import { loadUperNet, uperNet } from "./upernet.js";
import { uperNetNetwork } from "./upernet-network.js";

beforeAll(useWasm);

/** The processor that UPerNet is published with. */
const usual = "SegformerImageProcessor";

interface Case {
  config: Record<string, unknown> & { backbone_config: Record<string, unknown> };
  preprocessor: Record<string, unknown>;
  tensors: Record<string, number[]>;
  /** Tensors that have another name in a folder's files than in memory. */
  saved: Record<string, string>;
}

// Networks of tooling/reference/annotators/upernet.py.
const fixture = readFixture("upernet/upernet.bin.gz");
const cases: Record<string, Case> = JSON.parse(
  readFileSync(new URL("../../fixtures/upernet/cases.json", import.meta.url), "utf8"),
);
const { square, settings } = cases as { square: Case; settings: Case };

/** Largest difference from the reference's values, relative to their largest. */
function difference(actual: tf.Tensor, { shape, data }: FixtureArray): number {
  expect(actual.shape).toEqual([1, ...shape]);
  const values = actual.dataSync();
  let scale = 0;
  let worst = 0;
  for (let i = 0; i < data.length; i++) {
    scale = Math.max(scale, Math.abs(data[i]!));
    worst = Math.max(worst, Math.abs(values[i]! - data[i]!));
  }
  return worst / scale;
}

const files = ({ config, preprocessor, tensors }: Case) => ({
  config,
  preprocessor,
  weights: madeSource(tensors),
});

describe.each(Object.entries(cases))("%s", (name, given) => {
  const picture = asImage(fixture[`${name}.picture`]!);

  test("logits are those of PyTorch", async () => {
    await expectNoTensorLeak(() => {
      const config = uperNetConfigFromTransformers("config.json", given.config);
      const processor = sceneProcessor("preprocessor_config.json", given.preprocessor, usual);
      const params = loadUperNet(
        madeSource(given.tensors, (key) => given.saved[key] ?? key),
        config,
      );
      tf.tidy(() => {
        const logits = uperNet(params, config, processPicture("test", picture, processor));
        expect(difference(logits, fixture[`${name}.head`]!)).toBeLessThan(1e-5);
      });
      disposeTree(params);
    });
  });

  test("every pixel has the class that transformers gives it", async () => {
    await expectNoTensorLeak(async () => {
      const network = uperNetNetwork(files(given));
      const found = await network(picture);
      expect([found.height, found.width]).toEqual(fixture[`${name}.labels`]!.shape);
      expect([...found.labels]).toEqual([...fixture[`${name}.labels`]!.data]);
      network.dispose();
    });
  });
});

test.each(["odd", "swin"])("%s: pictures of a batch don't touch each other", (name) => {
  tf.tidy(() => {
    const given = cases[name]!;
    const config = uperNetConfigFromTransformers("config.json", given.config);
    const params = loadUperNet(madeSource(given.tensors), config);
    const processor = sceneProcessor("preprocessor_config.json", given.preprocessor, usual);
    const one = processPicture("test", asImage(fixture[`${name}.picture`]!), processor);
    const two = tf.reverse(one, 2);
    const both = uperNet(params, config, tf.concat([two, one]));
    const [first, second] = tf.split(both, 2) as [tf.Tensor4D, tf.Tensor4D];
    expect(difference(second, fixture[`${name}.head`]!)).toBeLessThan(1e-5);
    const alone = uperNet(params, config, two);
    expect(tf.max(tf.abs(tf.sub(first, alone))).dataSync()[0]).toBeLessThan(1e-5);
    disposeTree(params);
  });
});

test("the picture is what Pillow and the processor make of it, the enlarged logits are PyTorch's", () => {
  tf.tidy(() => {
    const processor = sceneProcessor("preprocessor_config.json", settings.preprocessor, usual);
    const pixels = processPicture("test", asImage(fixture["settings.picture"]!), processor);
    expect(difference(pixels, fixture["settings.pixels"]!)).toBeLessThan(1e-6);
    const config = uperNetConfigFromTransformers("config.json", settings.config);
    const params = loadUperNet(madeSource(settings.tensors), config);
    const [, height, width] = pixels.shape;
    const large = tf.image.resizeBilinear(uperNet(params, config, pixels), [height, width], false, true);
    expect(difference(large, fixture["settings.logits"]!)).toBeLessThan(1e-5);
    disposeTree(params);
  });
});

describe("what is not built is named", () => {
  const read = (change: Record<string, unknown>) => () =>
    uperNetConfigFromTransformers("x/config.json", { ...square.config, ...change });
  const readBackbone = (change: Record<string, unknown>) =>
    read({ backbone_config: { ...square.config.backbone_config, ...change } });

  test.each([
    [
      readBackbone({ model_type: "resnet" }),
      /^x\/config\.json: .*a backbone of type "resnet" is not built; expected "convnext" or "swin"/,
    ],
    [read({ backbone_config: undefined, backbone: "resnet50" }), /a backbone of timm is not built/],
    [read({ backbone_config: null }), /"backbone_config"/],
    [
      readBackbone({ hidden_act: "relu" }),
      /"backbone_config.hidden_act": "relu" is not built; expected "gelu"/,
    ],
    [readBackbone({ depths: [1, 1, 1] }), /4 stages, 3 depths and 4 hidden_sizes don't agree/],
    [
      readBackbone({ out_features: ["stage2", "stage1"] }),
      /out_features.*stem, stage1, stage2, stage3, stage4, in this order/,
    ],
    [readBackbone({ out_features: ["stage5"] }), /out_features/],
    [readBackbone({ out_features: null, out_indices: [5] }), /out_indices/],
    [read({ pool_scales: [0] }), /pool_scales/],
  ])("%#", (wrong, message) => {
    expect(wrong).toThrow(message);
  });

  const readSwin = (change: Record<string, unknown>) =>
    read({ backbone_config: { model_type: "swin", ...change } });

  test.each([
    [readSwin({ use_absolute_embeddings: true }), /use_absolute_embeddings.*not built/],
    [
      readSwin({ embed_dim: 97 }),
      /num_heads.*3, 6, 12, 24 heads don't divide the 97, 194, 388, 776 channels/,
    ],
    [readSwin({ num_heads: [3, 6] }), /num_heads/],
    [readSwin({ out_features: ["layer1"] }), /out_features/],
  ])("Swin %#", (wrong, message) => {
    expect(wrong).toThrow(message);
  });

  test.each([
    [{ size: { longest_edge: 512 } }, /size.*height and width/],
    [{ resample: 6 }, /resample 6 is not built; expected 0 \(nearest\), 1 \(lanczos\), 2 \(bilinear\)/],
    [{ do_center_crop: true }, /do_center_crop.*expected false/],
    [{ image_std: [1, 1, 0] }, /image_std/],
  ])("%o", (change, message) => {
    expect(() => sceneProcessor("x", { ...square.preprocessor, ...change }, usual)).toThrow(message);
  });
});

test("settings left out are those of transformers", () => {
  const { backbone, ...head } = uperNetConfigFromTransformers("config.json", {
    backbone_config: { model_type: "convnext", out_indices: [-2, -1] },
  });
  expect(head).toEqual({ width: 512, poolSizes: [1, 2, 3, 6], classes: 2 });
  expect(backbone).toEqual({
    patch: [4, 4],
    kind: "convnext",
    widths: [96, 192, 384, 768],
    depths: [3, 3, 9, 3],
    hasLayerScale: true,
    outputs: [3, 4],
  });
  const swin = uperNetConfigFromTransformers("config.json", { backbone_config: { model_type: "swin" } });
  expect(swin.backbone).toEqual({
    kind: "swin",
    patch: [4, 4],
    widths: [96, 192, 384, 768],
    depths: [2, 2, 6, 2],
    heads: [3, 6, 12, 24],
    window: 7,
    expansion: 4,
    hasQueryBias: true,
    epsilon: 1e-5,
    outputs: [4],
  });
  expect(sceneProcessor("x", {}, usual)).toMatchObject({
    size: { width: 512, height: 512 },
    filter: "bilinear",
  });
});

describe("weights that don't fit", () => {
  const open = (tensors: Record<string, number[]>) => () =>
    uperNetNetwork({ ...files(square), weights: madeSource(tensors) }, "x");
  const without = (key: string) => {
    const { [key]: _, ...others } = square.tensors;
    return others;
  };

  test("those of another network are named as what they are", () => {
    expect(() => uperNetNetwork({ ...files(square), weights: madeWeights("hed") }, "x")).toThrow(
      /^x: expected the weights of UPerNet .*, found HED/,
    );
    expect(() => uperNetNetwork({ ...files(square), weights: tensorSource([]) }, "x")).toThrow(/UPerNet/);
  });

  test("missing, mismatched and unknown tensors are listed", () => {
    const scale = "backbone.encoder.stages.2.layers.1.layer_scale_parameter";
    expect(open(without(scale))).toThrow(new RegExp(`missing \\(1\\):\\s+${scale}`));
    expect(open({ ...square.tensors, "decode_head.classifier.weight": [150, 12, 1, 1] })).toThrow(
      /mismatched \(1\):\s+decode_head\.classifier\.weight: expected float \[9, 12, 1, 1\], found F32 \[150/,
    );
    expect(open({ ...square.tensors, "backbone.surplus": [1] })).toThrow(/unused \(1\):\s+backbone\.surplus/);
  });

  test("the head of the training alone may be missing", () => {
    const inUse = Object.entries(square.tensors).filter(([name]) => !name.startsWith("auxiliary_head."));
    open(Object.fromEntries(inUse))().dispose();
  });
});

test("a size that leaves nothing to the deepest stage is refused", async () => {
  const network = uperNetNetwork({ ...files(square), preprocessor: { ...square.preprocessor, size: 31 } });
  await expectNoTensorLeak(async () => {
    await expect(Promise.resolve(network(asImage(fixture["square.picture"]!)))).rejects.toThrow(
      /at least 32x32, got 31x31/,
    );
  });
  network.dispose();
});
