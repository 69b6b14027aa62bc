import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { evaluate } from "./evaluate.js";

const out = mkdtempSync(join(tmpdir(), "evaluate-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

test("the shipped base model obeys the colours of held-out captions", { timeout: 240_000 }, async () => {
  const figures = await evaluate({
    model: "tinyworld",
    count: 8,
    steps: 10,
    guidance: 5,
    seed: 0,
    out,
    engine: "auto",
  });
  expect(figures.colourRight).toBeGreaterThanOrEqual(7 / 8);
  expect(JSON.parse(readFileSync(join(out, "evaluation.json"), "utf8"))).toEqual(figures);
  expect(readFileSync(join(out, "contact-sheet.png")).subarray(1, 4).toString()).toBe("PNG");
});
