import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createWordPieces } from "./word-pieces.js";

interface Case {
  options: {
    do_lower_case?: boolean;
    strip_accents?: boolean;
    tokenize_chinese_chars?: boolean;
    clean_up_tokenization_spaces?: boolean;
  };
  encoded: [text: string, tokens: number[]][];
  decoded: [tokens: number[], text: string][];
}

// By tooling/reference/annotators/blip_tokens.py; TOKENS names a file that it made of more texts.
const file = process.env.TOKENS ?? new URL("../../fixtures/blip/tokens.json", import.meta.url);
const { vocabulary, cases }: { vocabulary: string[]; cases: Record<string, Case> } = JSON.parse(
  readFileSync(file, "utf8"),
);

describe.each(Object.entries(cases))(
  "as transformers' BertTokenizer, %s",
  (_, { options, encoded, decoded }) => {
    const words = createWordPieces(vocabulary, {
      lowercase: options.do_lower_case ?? true,
      ...(options.strip_accents !== undefined && { stripAccents: options.strip_accents }),
      splitChinese: options.tokenize_chinese_chars ?? true,
      cleanUp: options.clean_up_tokenization_spaces ?? false,
    });

    test("texts become the same tokens", () => {
      for (const [text, tokens] of encoded) expect(words.encode(text), JSON.stringify(text)).toEqual(tokens);
    });

    test.skipIf(decoded.length === 0)("tokens become the same text", () => {
      for (const [tokens, text] of decoded) expect(words.decode(tokens), tokens.join()).toBe(text);
    });
  },
);

test("a vocabulary of another kind is refused", () => {
  expect(() => createWordPieces(["<unk>", "a"])).toThrow(/\[UNK\]/);
});
