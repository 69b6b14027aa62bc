import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSafetensors, writeSafetensors } from "@controlnet-js/checkpoints";
import { createControlNetFrom, encodeHint } from "@controlnet-js/controlnet";
import { disposeTree, leavesOf, randomInitializer } from "@controlnet-js/core";
import { createTextEncoder, formatVocabulary } from "@controlnet-js/text-encoder";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { convertModel, openControlNet, openPipeline, saveControlNet, savePipeline } from "../node.js";
import { disposePipeline } from "../pipeline.js";
import { fixturePath } from "../testing/fixtures.js";

let folder: string;
const at = (name: string) => join(folder, name);
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
beforeAll(useCpuBackend);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "published-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a ControlNet whose hint encoder has one width comes back whole", async () => {
  const edges = await openControlNet(fixturePath("edges"));
  disposeTree(edges);
  const narrow = { ...edges.config, hintWidths: [4] };
  await expectNoTensorLeak(async () => {
    const net = createControlNetFrom(narrow, randomInitializer(4));
    await saveControlNet(at("narrow"), net);
    const map = tf.randomUniform([1, 8, 8, 3], 0, 1, "float32", 3) as tf.Tensor4D;
    const wanted = tf.tidy(() => encodeHint(net.params.hint, map));
    const again = await openControlNet(at("narrow"));
    expect(again.config).toEqual(narrow);
    expect(again.params.hint.blocks).toEqual([]);
    tf.tidy(() => expectClose(encodeHint(again.params.hint, map), wanted, 1e-6));
    disposeTree([again, net, map, wanted]);
  });
});

test("what shapes don't tell of a single file's ControlNet is taken from the base that it copies", async () => {
  await convertModel(fixturePath("edges"), at("edges.safetensors"), { to: "ldm" });
  const source = parseSafetensors(readFileSync(at("edges.safetensors")));
  // As others publish it: without the configs that our files keep in their header.
  writeFileSync(at("edges.safetensors"), writeSafetensors(source.names().map((name) => source.get(name))));
  await expectNoTensorLeak(async () => {
    const inFolder = await openControlNet(fixturePath("edges"));
    const alone = await openControlNet(at("edges.safetensors"));
    expect(alone.config.unet.heads).toEqual([8, 8]);
    const beside = await openControlNet(at("edges.safetensors"), { base: { config: inFolder.config.unet } });
    expect(beside.config.unet).toEqual({
      ...inFolder.config.unet,
      outChannels: beside.config.unet.outChannels,
    });
    disposeTree([inFolder, alone, beside]);
  });
});

test("a text encoder that keeps a projection is written as the class whose first output is every token's", async () => {
  await expectNoTensorLeak(async () => {
    const pipeline = await openPipeline(fixturePath("tiny"));
    const config = { ...pipeline.text.config, projectionSize: 5 };
    const { params } = createTextEncoder(config, randomInitializer(6));
    await savePipeline(at("projected"), { ...pipeline, text: { ...pipeline.text, params, config } });
    expect(json(at("projected/model_index.json")).text_encoder).toEqual(["transformers", "CLIPTextModel"]);
    expect(json(at("projected/text_encoder/config.json"))).toMatchObject({
      architectures: ["CLIPTextModel"],
      model_type: "clip_text_model",
      projection_dim: 5,
    });
    const again = await openPipeline(at("projected"));
    expect(again.text.config).toEqual(config);
    expect(leavesOf(again.text.params).length).toBe(leavesOf(params).length);
    disposePipeline(again);
    disposePipeline(pipeline);
    disposeTree(params);
  });
});

test("transformers 5's tokenizer.json alone gives the same words", async () => {
  await expectNoTensorLeak(async () => {
    cpSync(fixturePath("tiny"), at("words"), { recursive: true });
    const pipeline = await openPipeline(fixturePath("tiny"));
    const { vocabulary, tokenizer } = pipeline.text;
    const { "<|startoftext|>": start, "<|endoftext|>": end, ...vocab } = vocabulary.tokens;
    const tokens = at("words/tokenizer");
    rmSync(join(tokens, "vocab.json"));
    rmSync(join(tokens, "merges.txt"));
    const added = [
      { id: start, content: "<|startoftext|>" },
      { id: end, content: "<|endoftext|>" },
    ];
    const model = { type: "BPE", vocab, merges: vocabulary.merges };
    writeFileSync(join(tokens, "tokenizer.json"), JSON.stringify({ added_tokens: added, model }));
    const again = await openPipeline(at("words"));
    expect(again.text.tokenizer.encode("it's a red cube")).toEqual(tokenizer.encode("it's a red cube"));
    expect(formatVocabulary(again.text.vocabulary).mergesTxt).toBe(formatVocabulary(vocabulary).mergesTxt);
    disposePipeline(again);
    disposePipeline(pipeline);
    writeFileSync(join(tokens, "tokenizer.json"), JSON.stringify({ model: { type: "WordPiece", vocab } }));
    await expect(openPipeline(at("words"))).rejects.toThrow(/expected a byte-pair tokenizer.*"WordPiece"/);
  });
});

test("a folder that says it has no text encoder takes prompt embeddings and refuses prompts", async () => {
  await expectNoTensorLeak(async () => {
    cpSync(fixturePath("tiny"), at("textless"), { recursive: true });
    const index = at("textless/model_index.json");
    rmSync(at("textless/text_encoder"), { recursive: true });
    rmSync(at("textless/tokenizer"), { recursive: true });
    await expect(openPipeline(at("textless"))).rejects.toThrow(/text_encoder/);
    writeFileSync(
      index,
      JSON.stringify({ ...json(index), text_encoder: [null, null], tokenizer: [null, null] }),
    );
    const pipeline = await openPipeline(at("textless"));
    expect(() => pipeline.text.tokenizer.encode("a")).toThrow(
      /no text encoder; give ready prompt embeddings/,
    );
    await savePipeline(at("textless-again"), pipeline);
    expect(readdirSync(at("textless-again"))).toEqual(["model_index.json", "scheduler", "unet", "vae"]);
    expect(json(at("textless-again/model_index.json"))).toMatchObject({
      text_encoder: [null, null],
      tokenizer: [null, null],
    });
    disposePipeline(await openPipeline(at("textless-again")));
    disposePipeline(pipeline);
  });
});

test("a ControlNet whose metadata are damaged is refused, and nothing of it stays", async () => {
  const edges = parseSafetensors(readFileSync(fixturePath("edges/diffusion_pytorch_model.safetensors")));
  const tensors = edges.names().map((name) => edges.get(name));
  writeFileSync(at("damaged.safetensors"), writeSafetensors(tensors, { "controlnet-js.step": "many" }));
  await expectNoTensorLeak(async () => {
    await expect(openControlNet(at("damaged.safetensors"))).rejects.toThrow(
      /controlnet-js\.step.*is damaged/,
    );
  });
});
