import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { tensorSource } from "@controlnet-js/checkpoints";
import { openWeights, readConfig } from "@controlnet-js/checkpoints/node";
import { disposeTree, type Image } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { processPicture } from "../hugging-face/picture-processor.js";
import { openCaptioner } from "../node/open-captioner.js";
import { readWordPieces } from "../node/read-word-pieces.js";
import { asImage, readFixture } from "../testing/read-fixture.js";
import { useWasm } from "../testing/use-wasm.js";
import { createTokenCaptioner } from "./caption-tokens.js";
import { blipProcessor, type CaptionOptions, completeSearch } from "./captioner.js";
import { type BlipConfig, blipConfigFromTransformers } from "./config.js";
import { decodeStep, emptyCache, keysOfPicture } from "./decode-step.js";
import { embedPicture } from "./embed-picture.js";
import { loadBlip } from "./load-blip.js";

beforeAll(useWasm);

// Networks of tooling/reference/annotators/blip.py: as version 5 of transformers writes them, as version 4 did, in shards
// with a head that is not the embedding.
const networks = ["new", "old", "shards"] as const;
const pictures = ["face", "tall", "noise", "dark"] as const;
const folderOf = (network: string) =>
  fileURLToPath(new URL(`../../fixtures/blip/${network}`, import.meta.url));
const reference = readFixture("blip/reference.bin.gz");
const picture = (name: string): Image => asImage(reference[`picture.${name}`]!);

const sizes = ({ vision: { imageSize } }: BlipConfig) => ({ size: { height: imageSize, width: imageSize } });

interface Case {
  network: string;
  picture: string;
  search: CaptionOptions;
  tokens: number[];
  text: string;
}
const cases: Case[] = JSON.parse(
  readFileSync(new URL("../../fixtures/blip/captions.json", import.meta.url), "utf8"),
);

describe.each(networks)('transformers\' network "%s"', (network) => {
  test("sees and speaks the same, step by step", async () => {
    const folder = folderOf(network);
    const config = blipConfigFromTransformers(readConfig(folder));
    const source = openWeights(folder, ["model", "pytorch_model"]);
    const processor = blipProcessor("test", sizes(config), config);
    const tokens = Array.from(reference[`${network}.tokens`]!.data);
    await expectNoTensorLeak(() => {
      const params = loadBlip(source, config);
      for (const name of pictures) {
        const wanted = (key: string) => reference[`${network}.${name}.${key}`]!;
        const pixels = processPicture("test", picture(name), processor);
        const seen = embedPicture(params.vision, config.vision, pixels);
        expect(seen.shape).toEqual([1, ...wanted("seen").shape]);
        expectClose(seen, wanted("seen").data, 1e-5);
        const keys = keysOfPicture(params.decoder, config.text, seen);
        let cache = emptyCache(config.text, 2, tokens.length);
        const vocabulary = config.text.vocabularySize;
        tokens.forEach((token, i) => {
          // The second beam says something else and then starts anew from the first one.
          const inputs = {
            tokens: tf.tensor1d([token, tokens[0]!], "int32"),
            order: tf.tensor1d([0, 0], "int32"),
            position: tf.tensor1d([i], "int32"),
          };
          const step = decodeStep(params.decoder, config.text, keys, cache, inputs);
          disposeTree([inputs, cache]);
          cache = step.cache;
          const expected = wanted("logits").data.subarray(i * vocabulary, (i + 1) * vocabulary);
          expectClose(step.logits.dataSync().subarray(0, vocabulary), expected, 2e-5);
          step.logits.dispose();
        });
        disposeTree([pixels, seen, keys, cache]);
      }
      disposeTree(params);
    });
    source.close();
  });

  test("says the same tokens, with every search", async () => {
    const folder = folderOf(network);
    const config = blipConfigFromTransformers(readConfig(folder));
    const { encode } = readWordPieces("test", folder);
    const own = cases.filter((one) => one.network === network);
    expect(own.length).toBeGreaterThan(20);
    const source = openWeights(folder, ["model", "pytorch_model"]);
    await expectNoTensorLeak(async () => {
      const params = loadBlip(source, config);
      const captioner = createTokenCaptioner(
        "test",
        params,
        config,
        blipProcessor("test", sizes(config), config),
      );
      for (const { picture: name, search, tokens } of own) {
        const { prefix = "", ...given } = search;
        const prompt = [config.text.startToken, ...encode(prefix)];
        const settings = completeSearch("test", given, prompt.length, config.text);
        const found = await captioner.caption(picture(name), prompt, settings);
        expect(found, `${name} ${JSON.stringify(search)}`).toEqual(tokens);
      }
      captioner.dispose();
      disposeTree(params);
    });
    source.close();
  });

  test("captions from its folder, in the same words", async () => {
    const own = cases.filter((one) => one.network === network && one.picture === "noise");
    for (const { search, text } of own.filter((_, i) => i % 3 === 1)) {
      await expectNoTensorLeak(async () => {
        const caption = await openCaptioner(folderOf(network), search);
        expect(await caption(picture("noise"))).toBe(text);
        caption.dispose();
      });
    }
  });
});

test("tensors that are tied are found under either name", async () => {
  const folder = folderOf("old");
  const config = blipConfigFromTransformers(readConfig(folder));
  const source = openWeights(folder, ["pytorch_model"]);
  const head = "text_decoder.cls.predictions";
  const forms = [
    [],
    ["text_decoder.bert.embeddings.word_embeddings.weight", `${head}.bias`],
    [`${head}.decoder.weight`, `${head}.decoder.bias`],
  ];
  await expectNoTensorLeak(() => {
    const found = forms.map((absent) => {
      const names = source.names().filter((name) => !absent.includes(name));
      const params = loadBlip(tensorSource(names.map((name) => source.get(name))), config);
      const { tokenEmbedding, head: read } = params.decoder;
      const values = [Array.from(tokenEmbedding.dataSync()), Array.from(read.bias.dataSync())];
      disposeTree(params);
      return { values, own: read.embedding };
    });
    expect(found[0]!.own).toBeUndefined();
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });
  source.close();
});
