import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlNetConfig, createControlNet } from "@controlnet-js/controlnet";
import { disposeTree } from "@controlnet-js/core";
import { disposePipeline } from "@controlnet-js/pipeline";
import { saveControlNet } from "@controlnet-js/pipeline/node";
import { type ConditionName, findCondition } from "@controlnet-js/preprocessors";
import { afterAll, expect, test } from "vitest";
import { loadBase } from "./base-model.js";
import { evaluate } from "./evaluate.js";
import { startEngine } from "./start-engine.js";

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

/** A fresh ControlNet for a condition, as training saves it. */
async function freshControlNet(name: ConditionName): Promise<string> {
  await startEngine("auto");
  const pipeline = await loadBase("tinyworld");
  const config = controlNetConfig(pipeline.unet.config, { hintWidths: [4, 4, 4, 4] });
  const params = createControlNet(pipeline.unet.params, config);
  const folder = join(out, name);
  await saveControlNet(folder, params, config, { metadata: findCondition(name).metadata({}) });
  disposeTree(params);
  disposePipeline(pipeline);
  return folder;
}

const brief = { model: "tinyworld", count: 1, steps: 1, guidance: 1, seed: 0, engine: "auto" };

test("a folder that can't be written into is refused before anything is painted", async () => {
  writeFileSync(join(out, "file"), "");
  await expect(evaluate({ ...brief, out: join(out, "file") })).rejects.toMatchObject({
    code: "io",
    message: expect.stringMatching(/controlnet evaluate: --out: can't write into .*file: it is no folder/),
  });
});

test("a depth ControlNet is shown on the renderer's maps; its figure needs a network", {
  timeout: 240_000,
}, async () => {
  const to = join(out, "depth-evaluation");
  expect(await evaluate({ ...brief, control: await freshControlNet("depth"), out: to })).toEqual({});
  expect(readFileSync(join(to, "contact-sheet.png")).subarray(1, 4).toString()).toBe("PNG");
});

test("a HED ControlNet asks for the network that finds its maps", { timeout: 240_000 }, async () => {
  await expect(evaluate({ ...brief, control: await freshControlNet("hed"), out })).rejects.toThrow(
    /controlnet evaluate: condition "hed" needs a network: give --weights PATH of HED/,
  );
});
