import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { disposeTree, type Image } from "@controlnet-js/core";
import { selectEngine } from "@controlnet-js/engine";
import { openControlNet } from "@controlnet-js/models/node";
import { builtInConditions } from "@controlnet-js/preprocessors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeTinyBase } from "../../../apps/trainer/src/testing/tiny-base.js";
import { train } from "../../../apps/trainer/src/train.js";
import { readTrainConfig } from "../../../apps/trainer/src/train-config.js";
import { edgesAndColours } from "./edges-and-colours.js";

const folder = mkdtempSync(join(tmpdir(), "custom-condition-"));
const config = fileURLToPath(new URL("../train.yaml", import.meta.url));

beforeAll(async () => {
  await selectEngine({ engine: "cpu" });
  await writeTinyBase(join(folder, "base"));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the map holds the edges and the colours, pixel by pixel", async () => {
  const picture: Image = { data: new Uint8Array(40 * 24 * 3), width: 40, height: 24, channels: 3 };
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = i % 120 < 60 ? 20 : 150 + (i % 3) * 40;
  const map = await edgesAndColours.detect(picture, { block: 8 });
  const part = (first: number) => map.data.filter((_, i) => Math.floor((i % 6) / 3) === first);
  expect(part(0)).toEqual((await builtInConditions.canny.detect(picture)).data);
  expect(part(1)).toEqual((await builtInConditions.colour.detect(picture, { block: 8 })).data);
  expect(edgesAndColours.metadata()).toMatchObject({ channels: 6, options: { block: 16 } });
});

test("a ControlNet of six hint channels trains with it on tinyworld", { timeout: 600_000 }, async () => {
  const output = join(folder, "run");
  const settings = [
    `base=${join(folder, "base")}`,
    `output=${output}`,
    "hintWidths=[4,4,4,4]",
    "data.count=4",
    "dataOptions.heldOut=2",
    "training.steps=2",
    "training.batchSize=1",
    "validation.every=2",
    "validation.samples=2",
    "validation.images=1",
    "validation.imagesEvery=2",
    "validation.samplingSteps=1",
  ];
  const trained = await train({ config: readTrainConfig(config, settings), resume: false, engine: "cpu" });
  expect(trained.result).toMatchObject({ step: 2, reason: "finished" });
  for (const { loss } of trained.log.steps) expect(loss).toBeGreaterThan(0);
  trained.dispose();

  const net = await openControlNet(join(output, "controlnet"));
  expect(net.config.hintChannels).toBe(6);
  expect(net.metadata).toMatchObject({ condition: "edges-and-colours", channels: 6, step: 2 });
  disposeTree(net);
});
