import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "choices-"));

beforeAll(() => {
  vi.stubEnv("CONTROLNET_CACHE", folder);
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** The module as another process has it. */
const process = async () => {
  vi.resetModules();
  return import("./choices.js");
};

test("what processes measure at the same time is kept, and the first choice counts for all", async () => {
  const [first, second] = [await process(), await process()];
  expect(first.chooseAlgorithm("a", () => "native")).toBe("native");
  expect(second.chooseAlgorithm("b", () => "native")).toBe("native");
  expect(first.chooseAlgorithm("b", () => "product")).toBe("native");
  const slow = () => {
    second.chooseAlgorithm("c", () => "native");
    return "product" as const;
  };
  expect(first.chooseAlgorithm("c", slow)).toBe("native");
  expect((await process()).convolutionChoices()).toEqual({ a: "native", b: "native", c: "native" });
});

test("pinned choices are neither looked up nor stored", async () => {
  const before = (await process()).convolutionChoices();
  const pinned = await process();
  pinned.setConvolutionChoices({ c: "product" });
  expect(pinned.chooseAlgorithm("c", () => "native")).toBe("product");
  expect(pinned.chooseAlgorithm("a", () => "product")).toBe("product");
  expect((await process()).convolutionChoices()).toEqual(before);
});
