import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type BpeVocabulary, createTokenizer, parseSimpleVocabulary } from "../index.js";

interface Cases {
  framed: number[][];
  cases: [string, number[]][];
}

const text = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), "utf8");
const small = parseSimpleVocabulary(text("small-merges.txt"), 514 + 72);
const openai = JSON.parse(text("openai.json")) as BpeVocabulary & Cases;

describe.each<[string, BpeVocabulary, Cases]>([
  ["a trained vocabulary", small, JSON.parse(text("small-tokens.json"))],
  ["OpenAI's vocabulary", openai, openai],
])("transformers' tokens with %s", (_, vocabulary, { framed, cases }) => {
  const tokenizer = createTokenizer(vocabulary, { maxTokens: 12 });

  test("any Unicode text", () => {
    const wrong = cases.filter(([sample, tokens]) => tokenizer.tokenize(sample).join() !== tokens.join());
    expect(wrong.map(([sample, tokens]) => ({ sample, tokens, ours: tokenizer.tokenize(sample) }))).toEqual(
      [],
    );
    expect(cases.length).toBeGreaterThan(400);
  });

  test("framed, padded and cut", () => {
    framed.forEach((tokens, i) => {
      expect([...tokenizer.encode(cases[i]![0]).tokens]).toEqual(tokens);
    });
  });
});
