import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadPipeline } from "../open/load-pipeline.js";
import { disposePipeline } from "../pipeline.js";
import { savePipeline } from "../save/save-pipeline.js";
import { fixturePath } from "../testing/fixtures.js";
import { loadTokenizer } from "./load-tokenizer.js";

let folder: string;
beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "tokenizer-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The names of a text's tokens, with the folder of the tiny model and these files in it. */
function namesOf(files: Record<string, object>, padding?: number): (text: string) => string[] {
  const path = mkdtempSync(join(folder, "one-"));
  for (const name of ["vocab.json", "merges.txt"])
    cpSync(join(fixturePath("tiny/tokenizer"), name), join(path, name));
  for (const [name, json] of Object.entries(files)) writeFileSync(join(path, name), JSON.stringify(json));
  const { tokenizer, vocabulary } = loadTokenizer(path, 77, padding === undefined ? {} : { padding });
  const names = new Map(Object.entries(vocabulary.tokens).map(([name, token]) => [token, name]));
  return (text) => tokenizer.tokenize(text).map((token) => names.get(token)!);
}

const added = (content: string, normalized: boolean) => ({ content, normalized, single_word: false });

// What transformers 5.23.0 makes of the same folders.
test("a padding token is found inside words, as by transformers: Stable Diffusion 2 pads with an exclamation mark", () => {
  const names = namesOf({ "tokenizer_config.json": { pad_token: "!" } });
  expect(names("a!b")).toEqual(["a</w>", "!", "b</w>"]);
  expect(names("a !!")).toEqual(["a</w>", "!", "!"]);
  expect(namesOf({})("a!b")).toEqual(["a</w>", "!</w>", "b</w>"]);
  expect(namesOf({}, 0)("a!b")).toEqual(["a</w>", "!</w>", "b</w>"]);
});

test("marks are found as they are spelt, or in any case where the folder says so", () => {
  const mark = "<|startoftext|>";
  expect(namesOf({})("<|startoftext|>a")).toEqual([mark, "a</w>"]);
  expect(namesOf({})("<|STARTOFTEXT|>a")[0]).toBe("<");
  const special = { bos_token: added(mark, true) };
  const config = { bos_token: mark };
  const names = namesOf({ "special_tokens_map.json": special, "tokenizer_config.json": config });
  expect(names("<|STARTOFTEXT|>a")).toEqual([mark, "a</w>"]);
});

test("added tokens are one token each, the longest that fits", () => {
  const last = Object.keys(loadTokenizer(fixturePath("tiny/tokenizer"), 77).vocabulary.tokens).length;
  const decoder = { [last]: added("<Cat-Toy>", false), [last + 1]: added("sks", true) };
  const names = namesOf({ "tokenizer_config.json": { added_tokens_decoder: decoder } });
  expect(names("a <Cat-Toy> SKSb")).toEqual(["a</w>", "<Cat-Toy>", "sks", "b</w>"]);
  expect(names("<cat-toy>")[0]).toBe("<</w>");
  const two = namesOf({ "added_tokens.json": { "<x>": last, "<x>_1": last + 1 } });
  expect(two("<x>_1<X>")).toEqual(["<x>_1", "<x>"]);
});

test("a tokenizer that is saved finds the same added tokens again", async () => {
  const source = mkdtempSync(join(folder, "source-"));
  cpSync(fixturePath("tiny/tokenizer"), source, { recursive: true });
  const last = Object.keys(loadTokenizer(source, 77).vocabulary.tokens).length;
  const config = {
    bos_token: "<|startoftext|>",
    added_tokens_decoder: {
      0: added("!", false),
      [last - 2]: added("<|startoftext|>", true),
      [last]: added("<Cat-Toy>", false),
      [last + 1]: added("sks", true),
    },
    pad_token: "!",
  };
  writeFileSync(join(source, "tokenizer_config.json"), JSON.stringify(config));
  const before = loadTokenizer(source, 16);
  const pipeline = await loadPipeline(fixturePath("tiny"));
  await savePipeline(join(folder, "saved"), { ...pipeline, text: { ...pipeline.text, ...before } });
  disposePipeline(pipeline);
  const after = loadTokenizer(join(folder, "saved", "tokenizer"), 16);
  for (const text of ["a <Cat-Toy>b SKS!c", "<cat-toy>", "<|STARTOFTEXT|>a", "it's!"])
    expect(after.tokenizer.encode(text)).toEqual(before.tokenizer.encode(text));
  expect(after.vocabulary).toEqual(before.vocabulary);
});
