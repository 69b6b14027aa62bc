import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportTree } from "@controlnet-js/checkpoints";
import { saveModelFolder } from "@controlnet-js/checkpoints/node";
import { disposeTree, randomInitializer } from "@controlnet-js/core";
import { selectEngine } from "@controlnet-js/engine";
import { openControlNet } from "@controlnet-js/models/node";
import { createUNet, unetConfigFromDiffusers, unetKeyRows } from "@controlnet-js/unet";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTrainingCondition } from "./conditions/training-condition.js";
import { openData } from "./open-data.js";
import type { ControlTrainConfig } from "./task-schemas.js";
import { writeTinyBase } from "./testing/tiny-base.js";
import { train } from "./train.js";
import { readTrainConfig } from "./train-config.js";

const folder = mkdtempSync(join(tmpdir(), "train-kinds-"));
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  await selectEngine({ engine: "cpu" });
  await writeTinyBase(at("base"));
  mkdirSync(at("photos"));
  for (let i = 0; i < 5; i++) {
    await sharp({ create: { width: 32, height: 32, channels: 3, background: { r: 50 * i, g: 120, b: 200 } } })
      .png()
      .toFile(at(`photos/${i}.png`));
    writeFileSync(at(`photos/${i}.txt`), "red ball");
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function config(output: string, ...settings: string[]): ControlTrainConfig {
  const path = at(`${output}.yaml`);
  writeFileSync(
    path,
    `task: controlnet\nbase: ${at("base")}\ndata: { kind: image-folder, dir: ${at("photos")} }\noutput: x\n`,
  );
  return readTrainConfig(path, [
    "hintWidths=[4,4,4,4]",
    "dataOptions.width=32",
    "dataOptions.height=32",
    "dataOptions.heldOut=2",
    "dataOptions.workers=0",
    "training.steps=2",
    "training.batchSize=2",
    "validation.every=2",
    "validation.samples=2",
    "validation.images=1",
    "validation.imagesEvery=2",
    "validation.samplingSteps=2",
    `output=${at(output)}`,
    ...settings,
  ]) as ControlTrainConfig;
}

test("an inpainting ControlNet is trained on pictures with holes that are drawn into them", {
  timeout: 120_000,
}, async () => {
  const settings = config("inpaint", "condition=inpaint");
  const data = await openData(settings, await openTrainingCondition(settings), () => {});
  const sample = await data.train.load(0);
  expect(sample.hole!.data.includes(255)).toBe(true);
  sample.hole!.data.forEach((inside, i) => {
    expect(sample.map.data[3 * i]).toBe(inside ? 0 : sample.image.data[3 * i]);
  });
  await data.close();
  const trained = await train({ config: settings, resume: false, engine: "cpu" });
  trained.dispose();
  const net = await openControlNet(at("inpaint/controlnet"));
  expect(net.metadata).toMatchObject({ condition: "inpaint", channels: 3, range: [-1, 1], step: 2 });
  disposeTree(net);
  expect(existsSync(at("inpaint/validation"))).toBe(true);
});

test("a globally pooled ControlNet that sees BGR is trained and kept as such", {
  timeout: 120_000,
}, async () => {
  const trained = await train({
    config: config(
      "pooled",
      "condition=shuffle",
      "globalPooling=true",
      "channelOrder=bgr",
      "conditionOptions.cell=8",
    ),
    resume: false,
    engine: "cpu",
  });
  trained.dispose();
  const json = JSON.parse(readFileSync(at("pooled/controlnet/config.json"), "utf8"));
  expect(json).toMatchObject({ global_pool_conditions: true, controlnet_conditioning_channel_order: "bgr" });
  const net = await openControlNet(at("pooled/controlnet"));
  expect(net.config).toMatchObject({ globalPooling: true, reversedHint: true });
  disposeTree(net);
});

test("holes go with pictures, not with maps of a list", () => {
  const path = at("list.yaml");
  writeFileSync(path, `condition: inpaint\ndata: { kind: json-lines, dir: ${folder} }\noutput: x\n`);
  expect(() => readTrainConfig(path)).toThrow(/data\.kind: holes are drawn for condition inpaint/);
});

test.each([
  ["inpainting", 9],
  ["editing", 8],
])("a base for %s, of %d channels, is refused by name before anything is trained", async (kind, channels) => {
  cpSync(at("base"), at(kind), { recursive: true });
  const unet = JSON.parse(readFileSync(at(`${kind}/unet/config.json`), "utf8"));
  await widen(at(`${kind}/unet`), unet, channels);
  const settings = config(`from-${kind}`, `base=${at(kind)}`);
  await expect(train({ config: settings, resume: false, engine: "cpu" })).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringMatching(new RegExp(`is a model for ${kind}, of ${channels} input channels`)),
  });
  expect(existsSync(at(`from-${kind}/checkpoints`))).toBe(false);
});

/** Rewrites a U-Net's folder for more input channels. */
async function widen(path: string, json: Record<string, unknown>, channels: number): Promise<void> {
  const wide = { ...json, in_channels: channels };
  const model = createUNet(unetConfigFromDiffusers(wide), randomInitializer(4));
  await saveModelFolder(path, wide, exportTree(model.params, unetKeyRows(model.config, "diffusers")));
  disposeTree(model);
}
