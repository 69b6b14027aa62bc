import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createControlNet } from "@controlnet-js/controlnet";
import { disposeTree } from "@controlnet-js/core";
import { disposePipeline } from "@controlnet-js/models";
import { saveControlNet } from "@controlnet-js/models/node";
import { type ConditionName, findCondition } from "@controlnet-js/preprocessors";
import { writeImage } from "@controlnet-js/preprocessors/node";
import { afterAll, expect, test, vi } from "vitest";
import { namedByUser } from "./conditions/condition-name.js";
import { evaluate } from "./evaluate.js";
import { loadBase } from "./models/base-model.js";
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
  const net = createControlNet(pipeline.unet, { hintWidths: [4, 4, 4, 4] });
  const folder = join(out, name);
  await saveControlNet(folder, net, { metadata: findCondition(name).metadata({}) });
  disposeTree(net);
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

test("a condition of one's own is measured by its own figure, on pictures of one's own", {
  timeout: 240_000,
}, async () => {
  const condition = join(out, "light.mjs");
  const core = pathToFileURL(createRequire(import.meta.url).resolve("@controlnet-js/core")).href;
  const zod = pathToFileURL(createRequire(import.meta.url).resolve("zod")).href;
  writeFileSync(
    condition,
    `import { defineCondition } from "${core}";
import * as z from "${zod}";
export const light = defineCondition({ name: "light", description: "Light.", channels: 3, range: [0, 1], polarity: "none",
  channelOrder: "none", resize: "area", blankIsError: false, options: z.object({ gain: z.number().default(1) }),
  compare: { figures: { lightApart: "lower" }, compare: (found, wanted) => ({ lightApart: Math.abs(found.data[0] - wanted.data[0]) }) },
  prepare: ({ data, width, height, channels }, { gain }) => ({ data: data.map((value) => value * gain), width, height, channels }) });`,
  );
  const photos = join(out, "photos");
  mkdirSync(photos);
  const picture = { data: new Uint8Array(80 * 70 * 3).fill(90), width: 80, height: 70, channels: 3 };
  await writeImage(join(photos, "a.png"), picture);
  await writeImage(join(photos, "map.png"), picture);
  writeFileSync(join(photos, "a.txt"), "a red ball");
  const control = await freshControlNet("tile");
  const shared = { ...brief, control, condition: namedByUser(condition), out: join(out, "own-evaluation") };
  const plain = await evaluate({ ...shared, data: photos });
  expect(plain).toEqual({
    lightApart: { withControl: expect.any(Number), withoutControl: expect.any(Number) },
  });
  // Fresh links are zeros: control changes nothing; a gain of 0 makes every map black.
  const black = await evaluate({ ...shared, data: photos, option: ["gain=0"] });
  expect(black).toEqual({ lightApart: { withControl: 0, withoutControl: 0 } });
  expect(JSON.parse(readFileSync(join(shared.out, "evaluation.json"), "utf8"))).toEqual(black);

  const list = join(out, "list");
  mkdirSync(list);
  await writeImage(join(list, "a.png"), picture);
  writeFileSync(
    join(list, "prompt.json"),
    `${JSON.stringify({ source: "a.png", target: "a.png", prompt: "x" })}\n`,
  );
  const listed = await evaluate({ ...shared, data: list, option: ["gain=0"] });
  expect(listed).toEqual({ lightApart: { withControl: 90, withoutControl: 90 } });
  await expect(evaluate({ ...shared, data: join(out, "none") })).rejects.toMatchObject({ code: "missing" });
  await expect(evaluate({ ...shared, option: ["gian=1"] })).rejects.toThrow(/did you mean "gain"/);
});

test("tiles have no figure, and the output says so", { timeout: 240_000 }, async () => {
  const written: string[] = [];
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
  const to = join(out, "tile-evaluation");
  expect(await evaluate({ ...brief, control: await freshControlNet("tile"), out: to })).toEqual({});
  spy.mockRestore();
  expect(written.join("")).toMatch(/condition "tile" does not say how maps are compared/);
});
