import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, describe, expect, test } from "vitest";
import { createTokenizer, encodeTexts, formatVocabulary, parseVocabulary, trainBpe } from "../index.js";

const texts = [
  "a red cube on the grass",
  "a blue sphere on the sand",
  "two red spheres",
  "the cube's shadow",
];
const vocabulary = trainBpe(texts, 560);
const tokenizer = createTokenizer(vocabulary, { maxTokens: 8 });

beforeAll(useCpuBackend);

describe("tokenizer", () => {
  test("known words are single tokens, and any text comes back", () => {
    expect(tokenizer.tokenize("red cube")).toHaveLength(2);
    expect(tokenizer.decode(tokenizer.tokenize("Zoë's  naïve 猫 😀 42"))).toBe("zoë 's naïve 猫 😀 4 2");
  });

  test("texts are framed, padded and, when too long, cut with notice", () => {
    const { startToken, endToken } = tokenizer;
    const short = tokenizer.encode("red");
    expect(short.length).toBe(3);
    expect([...short.tokens]).toEqual([startToken, ...tokenizer.tokenize("red"), ...Array(6).fill(endToken)]);
    expect(short.truncated).toBeUndefined();
    const long = tokenizer.encode("a red cube on the grass two spheres");
    expect(long.truncated).toBe("two spheres");
    expect(long.tokens[7]).toBe(endToken);
  });

  test("long texts come in pieces of the same form", () => {
    const pieces = tokenizer.encodeLong("a red cube on the grass two spheres", 3);
    expect(pieces).toHaveLength(3);
    expect(pieces.map((piece) => tokenizer.decode(piece))).toEqual([
      "a red cube on the grass",
      "two spheres",
      "",
    ]);
  });

  test("Stable Diffusion 2 pads with another token", () => {
    const padded = createTokenizer(vocabulary, { maxTokens: 5, padToken: "!" });
    expect([...padded.encode("red").tokens.slice(2)]).toEqual([padded.endToken, 0, 0]);
  });

  test("a vocabulary survives its files", () => {
    const { vocabJson, mergesTxt } = formatVocabulary(vocabulary);
    expect(parseVocabulary(vocabJson, mergesTxt)).toEqual(vocabulary);
    expect(() => parseVocabulary("[]", "")).toThrow(/must map each token/);
    expect(() => parseVocabulary("{}", "a b c")).toThrow(/merge 1 is not two symbols/);
  });

  test("texts become one int32 tensor", () => {
    const { tokens, truncated } = encodeTexts(tokenizer, ["red", "a red cube on the grass two"]);
    expect(tokens.shape).toEqual([2, 8]);
    expect(tokens.dtype).toBe("int32");
    expect(truncated).toEqual([undefined, "two"]);
    tokens.dispose();
  });
});
