import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openModel } from "../node.js";
import { fixturePath } from "../testing/fixtures.js";

const folder = mkdtempSync(join(tmpdir(), "open-model-"));
afterAll(() => rmSync(folder, { recursive: true }));

const openFiles = "/proc/self/fd";

test.runIf(existsSync(openFiles))("a folder whose part lacks its config leaves no file open", () => {
  for (const name of ["unet", "vae"])
    cpSync(fixturePath(`tiny/${name}`), join(folder, name), { recursive: true });
  rmSync(join(folder, "vae", "config.json"));
  const before = readdirSync(openFiles).length;
  expect(() => openModel(folder)).toThrow(/vae.config\.json/);
  expect(readdirSync(openFiles).length).toBe(before);
});
