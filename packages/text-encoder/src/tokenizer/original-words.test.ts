import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { fixText } from "../fix-text/fix-text.js";
import { createTokenizer, originalWords, trainBpe } from "../index.js";
import { cleanLikeOriginal } from "./original-words.js";

const cases: [text: string, fixed: string, cleaned: string, words: string][] = JSON.parse(
  gunzipSync(readFileSync(new URL("../../fixtures/cleaned.json.gz", import.meta.url))).toString(),
).cases;

describe("any Unicode text, however damaged", () => {
  test.each<[string, (text: string) => string, 1 | 2 | 3]>([
    ["is repaired as by ftfy", fixText, 1],
    ["is cleaned as by OpenAI's tokenizer", cleanLikeOriginal, 2],
    ["has the words of OpenAI's tokenizer", (text) => originalWords(text).join(" "), 3],
  ])("%s", (_, clean, column) => {
    expect(cases.length).toBeGreaterThan(7500);
    const wrong = cases.filter((row) => clean(row[0]) !== row[column]);
    expect(wrong.map((row) => ({ text: row[0], expected: row[column], got: clean(row[0]) }))).toEqual([]);
  });
});

describe("a tokenizer with the original's words", () => {
  const vocabulary = trainBpe(["schön schön", "it's it's"], 540);
  const byDefault = createTokenizer(vocabulary);
  const original = createTokenizer(vocabulary, { words: originalWords });

  test("reads misread text, references and quotes as what they were", () => {
    expect(original.tokenize("SchÃ¶n &amp; it’s")).toEqual(byDefault.tokenize("schön & it's"));
    expect(byDefault.tokenize("schÃ¶n")).not.toEqual(byDefault.tokenize("schön"));
  });

  test("takes a mark spelt out for that mark, whatever its case", () => {
    expect(original.tokenize("<|STARTOFTEXT|> &lt;|endoftext|&gt;")).toEqual([
      original.startToken,
      original.endToken,
    ]);
    expect(byDefault.tokenize("<|STARTOFTEXT|>")).not.toContain(byDefault.startToken);
  });
});
