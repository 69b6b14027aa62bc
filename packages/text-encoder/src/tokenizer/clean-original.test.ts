import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cleanLikeOriginal } from "../index.js";

test("texts are cleaned as by ftfy and html.unescape", () => {
  const cases: [string, string][] = JSON.parse(
    readFileSync(new URL("../../fixtures/cleaned.json", import.meta.url), "utf8"),
  ).cases;
  const wrong = cases.filter(([text, cleaned]) => cleanLikeOriginal(text) !== cleaned);
  expect(wrong.map(([text, cleaned]) => [text, cleaned, cleanLikeOriginal(text)])).toEqual([]);
  expect(cases.length).toBeGreaterThan(300);
});
