import { readFileSync } from "node:fs";
import { exportTree, loadTree, parseSafetensors, tensorSource, toFloat32 } from "@controlnet-js/checkpoints";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  createTextEncoder,
  encodeText,
  findTextEncoder,
  type TextEncoderParams,
  textEncoderConfig,
  textEncoderConfigFromShapes,
  textEncoderConfigFromTransformers,
  textEncoderConfigToTransformers,
  textEncoderIgnoredKeys,
  textEncoderKeyRows,
} from "./index.js";

beforeAll(useCpuBackend);

describe.each(["quick-gelu", "gelu", "relu", "silu"])("transformers' %s text encoder", (name) => {
  const bytes = readFileSync(new URL(`../fixtures/${name}.safetensors`, import.meta.url));
  const source = parseSafetensors(bytes);
  const config = textEncoderConfigFromTransformers(JSON.parse(source.metadata.config!));
  const table = textEncoderKeyRows(config, "transformers-5");
  const io = (key: string) => {
    const found = source.get(key);
    return tf.tensor(toFloat32(found), found.shape);
  };

  test("gives the same features, of whole and short texts, with clip skip and without the last norm", () =>
    tf.tidy(() => {
      const params = loadTree<TextEncoderParams>(source, table, { prefix: "clip." });
      const encoder = { params, config };
      const tokens = tf.cast(io("in.tokens"), "int32") as tf.Tensor2D;
      expectClose(encodeText(encoder, tokens), io("out.full"), 1e-5);
      expectClose(encodeText(encoder, tokens, { skip: 1 }), io("out.skipped"), 1e-5);
      const penultimate = encodeText(encoder, tokens, { skip: 1, finalNorm: false });
      expectClose(penultimate, io("out.penultimate"), 1e-5);
      expectClose(encodeText(encoder, tf.slice(tokens, [0, 0], [3, 4])), io("out.short"), 1e-5);
    }));

  test("survives its config", () => {
    const written = textEncoderConfigToTransformers(config, { startToken: 1, endToken: 2, padToken: 0 });
    expect(textEncoderConfigFromTransformers(written)).toEqual(config);
  });
});

describe("key tables", () => {
  const config = textEncoderConfig({
    vocabularySize: 30,
    maxTokens: 5,
    hiddenSize: 128,
    feedForwardSize: 16,
    heads: 2,
    layers: 3,
    skippedLayers: 1,
    activation: "gelu",
    projectionSize: 7,
    logitScale: true,
  });

  test("OpenCLIP to transformers and back is bit-equal, the layer that isn't run included", () => {
    const encoder = createTextEncoder(config, randomInitializer(3));
    const openClip = textEncoderKeyRows(config, "openclip");
    const original = exportTree(encoder.params, openClip, { prefix: "cond_stage_model.model." });
    const fused = original.find((t) => t.name.endsWith("resblocks.2.attn.in_proj_weight"))!;
    expect(fused.shape).toEqual([3 * 128, 128]);

    const source = tensorSource(original);
    const file = findTextEncoder(source.names())!;
    expect(file).toMatchObject({ keys: "openclip", prefix: "cond_stage_model.model.", layers: 3 });
    expect(textEncoderConfigFromShapes(source, file)).toEqual(config);
    const ours = loadTree<TextEncoderParams>(source, openClip, { prefix: file.prefix });
    const transformers = exportTree(ours, textEncoderKeyRows(config, "transformers"));
    const between = tensorSource(transformers);
    const found = findTextEncoder(between.names())!;
    expect(found).toMatchObject({ keys: "transformers", prefix: "", layers: 3, projection: true });
    const json = textEncoderConfigToTransformers(config, { startToken: 0, endToken: 1, padToken: 1 });
    expect(json.num_hidden_layers).toBe(2);
    const readConfig = textEncoderConfigFromTransformers(json, found);
    expect(readConfig).toEqual(config);
    const again = loadTree<TextEncoderParams>(between, textEncoderKeyRows(readConfig, found.keys));
    const back = exportTree(again, openClip, { prefix: file.prefix });
    expect(back.map((t) => t.name)).toEqual(original.map((t) => t.name));
    back.forEach((tensor, i) => {
      expect(Buffer.compare(tensor.bytes(), original[i]!.bytes()), tensor.name).toBe(0);
    });
    disposeTree([encoder, ours, again]);
  });

  test("query, key and value stand one after the other in OpenCLIP's tensor", () => {
    const encoder = createTextEncoder(config, randomInitializer(3));
    const values = (keys: "openclip" | "transformers", name: string) =>
      toFloat32(exportTree(encoder.params, textEncoderKeyRows(config, keys)).find((t) => t.name === name)!);
    const fused = values("openclip", "transformer.resblocks.1.attn.in_proj_bias");
    const layer = "text_model.encoder.layers.1.self_attn";
    expect(fused).toEqual(
      Float32Array.from(
        ["q", "k", "v"].flatMap((part) => [...values("transformers", `${layer}.${part}_proj.bias`)]),
      ),
    );
    disposeTree(encoder);
  });

  test("old files' position numbers are passed over; another model's config is refused", () => {
    expect(textEncoderIgnoredKeys.some((key) => key.test("text_model.embeddings.position_ids"))).toBe(true);
    expect(() => textEncoderConfigFromTransformers({ model_type: "t5" })).toThrow(/model_type/);
    expect(findTextEncoder(["conv_in.weight"])).toBeUndefined();
  });
});
