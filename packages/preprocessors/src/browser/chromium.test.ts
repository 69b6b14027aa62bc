import { readFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { launchChromium, whyNoChromium } from "../testing/chromium.js";
import { loadFixtures } from "../testing/fixture-files.js";
import type { FixtureHashes } from "../testing/fixture-hashes.js";
import { bundleTestPage, openTestPage } from "../testing/open-test-page.js";
import type { TestPage } from "./test-page.js";

let browser: Browser;
let script: string;
beforeAll(async () => {
  if (whyNoChromium) return;
  [browser, script] = await Promise.all([launchChromium(), bundleTestPage()]);
}, 120_000);
afterAll(() => browser?.close());
afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

async function inNode(): Promise<FixtureHashes> {
  const { fixtureHashes } = await import("../testing/fixture-hashes.js");
  const folder = new URL("../../fixtures/", import.meta.url);
  return fixtureHashes(await loadFixtures(async (name) => new Blob([await readFile(new URL(name, folder))])));
}

async function inChromium(wasm: boolean): Promise<FixtureHashes> {
  const page = await openTestPage(browser, script, { wasm });
  return page.evaluate(() => (globalThis as unknown as { testPage: TestPage }).testPage.hashFixtures());
}

describe.skipIf(whyNoChromium)(`Chromium${whyNoChromium ? ` (skipped: ${whyNoChromium})` : ""}`, () => {
  test.each([true, false])(
    "gives Node's bytes in every case of the fixtures; WebAssembly: %s",
    async (wasm) => {
      if (!wasm) vi.stubGlobal("WebAssembly", undefined);
      const node = await inNode();
      vi.unstubAllGlobals();
      expect(node).toMatchObject({ kernels: wasm, unequal: [] });
      expect(Object.keys(node.hashes).length).toBeGreaterThan(1000);
      expect(await inChromium(wasm)).toEqual(node);
    },
  );
});
