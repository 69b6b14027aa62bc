import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeTree } from "@controlnet-js/core";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertModel, openControlNet } from "../node.js";
import { fixturePath } from "../testing/fixtures.js";

const folder = mkdtempSync(join(tmpdir(), "several-"));
const second = join(folder, "controlnet_1");

beforeAll(async () => {
  await useCpuBackend();
  // What diffusers saves of a pipeline with a MultiControlNetModel.
  cpSync(fixturePath("edges"), join(folder, "controlnet"), { recursive: true });
  cpSync(fixturePath("depth"), second, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

test("of several ControlNets in a folder the first is opened, and the others are named", async () => {
  const lines: string[] = [];
  const first = await openControlNet(folder, { log: (line) => lines.push(line) });
  const other = await openControlNet(second, { log: (line) => lines.push(line) });
  expect(lines).toHaveLength(3);
  expect(lines[1]).toBe(`more ControlNets, each to be named by itself: ${second}`);
  const [one, two] = [first, other].map(({ params }) => [...params.hint.input.kernel.dataSync()]);
  expect(one).not.toEqual(two);
  disposeTree([first, other]);
});

test("converting says which ControlNets it leaves out", async () => {
  const lines: string[] = [];
  const out = join(folder, "converted.safetensors");
  await convertModel(folder, out, { to: "ldm", part: "control", log: (line) => lines.push(line) });
  expect(lines).toContain(`more ControlNets, each to be named by itself: ${second}`);
});
