import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openLineart } from "@controlnet-js/annotators/node";
import { float32Tensor, writeSafetensors } from "@controlnet-js/checkpoints";
import { openCheckpoint } from "@controlnet-js/checkpoints/node";
import { ControlNetError, disposeTree } from "@controlnet-js/core";
import { identityOf } from "@controlnet-js/data";
import { selectEngine } from "@controlnet-js/engine";
import { openControlNet } from "@controlnet-js/models/node";
import { lineartCondition } from "@controlnet-js/preprocessors";
import { readImage } from "@controlnet-js/preprocessors/node";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openData } from "../open-data.js";
import { mapMaker } from "../sample/control-map.js";
import type { MapRequest } from "../sample/picture-options.js";
import { mergeParameters } from "../sample/sample-parameters.js";
import type { ControlTrainConfig } from "../task-schemas.js";
import { writeTinyBase } from "../testing/tiny-base.js";
import { readTrainConfig } from "../train-config.js";
import { trainControl } from "../train-control.js";
import { openTrainingCondition } from "./training-condition.js";

const folder = mkdtempSync(join(tmpdir(), "training-condition-"));
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  await selectEngine({ engine: "wasm" });
  await writeTinyBase(at("base"));
  writeLineart(at("lineart.safetensors"));
  mkdirSync(at("pictures"));
  for (let i = 0; i < 4; i++) {
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, j) => (i + 1) * (j % 96) + (j >> 5));
    await sharp(data, { raw: { width: 32, height: 32, channels: 3 } }).toFile(at(`pictures/${i}.png`));
    writeFileSync(at(`pictures/${i}.txt`), "red ball");
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pictures = "{ kind: image-folder, dir: pictures }";

function configOf(data: string, condition: string, ...settings: string[]): ControlTrainConfig {
  const file = at("train.yaml");
  writeFileSync(file, `base: base\ndata: ${data}\ncondition: ${condition}\noutput: ${at("run")}\n`);
  const config = readTrainConfig(file, settings);
  if (config.task !== "controlnet") throw new ControlNetError("state", `got the task ${config.task}`);
  return config;
}

/** The line art generator's file with its published names and shapes, and with waves for weights. */
function writeLineart(file: string): void {
  const published = at("published.pth");
  const packed = new URL("../../../../packages/annotators/fixtures/lineart.pth.gz", import.meta.url);
  writeFileSync(published, gunzipSync(readFileSync(packed)));
  const source = openCheckpoint(published);
  const tensors = source.names().map((name, phase) => {
    const { shape } = source.get(name);
    const inputs = shape.slice(1).reduce((product, side) => product * side, 1);
    const values = new Float32Array(inputs * shape[0]!);
    for (let i = 0; i < values.length; i++) values[i] = Math.sin(phase + i * i * 0.7) / Math.sqrt(inputs);
    return float32Tensor(name, shape, values);
  });
  source.close();
  writeFileSync(file, writeSafetensors(tensors));
}

test("a network's maps are trained on, while workers decode the pictures", { timeout: 240_000 }, async () => {
  const config = configOf(
    pictures,
    "lineart",
    ...[`weights=${at("lineart.safetensors")}`, "hintWidths=[4,4,4,4]"],
    ...["dataOptions={ width: 32, height: 32, heldOut: 1, workers: 1 }"],
    ...["training={ steps: 1, batchSize: 2 }"],
    ...["validation={ every: 1, samples: 1, images: 1, imagesEvery: 1, samplingSteps: 1 }"],
  );
  const trained = await trainControl({ config, resume: false, engine: "wasm" });
  const network = openLineart(at("lineart.safetensors"), { resolution: "picture" });
  const [sample] = trained.heldOut;
  expect(sample!.map).toEqual(await lineartCondition.withNetwork(network).detect(sample!.image));
  expect(new Set(sample!.map.data).size).toBeGreaterThan(10);
  const published = await openControlNet(at("run/controlnet"));
  expect(published.metadata).toMatchObject({
    condition: "lineart",
    options: { method: "network" },
    base: { name: "base", hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    step: 1,
  });
  disposeTree(published);
  expect(readFileSync(at("run/validations.csv"), "utf8")).toMatch(/edge_f1/);
  network.dispose();
  trained.dispose();
});

test("a network sees what is trained on, unless it shall see another size; painting makes the same map", async () => {
  const weights = at("lineart.safetensors");
  const file = at("pictures/0.png");
  const image = await readImage(file);
  const seen = async (...settings: string[]) => {
    const { condition } = await openTrainingCondition(
      configOf(pictures, "lineart", `weights=${weights}`, ...settings),
    );
    return condition.detect(image, { method: "network" });
  };
  const own = await seen();
  expect(own).toEqual(await seen("detectResolution=picture"));
  expect(own).not.toEqual(await seen("detectResolution=64"));
  const metadata = { condition: "lineart", options: { method: "network" } };
  const control = { path: "net", image: file, weights: [weights], strength: 1, start: 0, end: 1 };
  const make = mapMaker(control, mergeParameters({ prompt: "", controls: [control] }));
  const size = { width: image.width, height: image.height };
  const net = { metadata } as unknown as MapRequest["net"];
  expect(await make({ net, size, modelSize: size, multiple: 8, warn: () => undefined })).toEqual(own);
});

test("a run is resumed with the network that it began with, looking at the same size", async () => {
  const identity = async (...settings: string[]) => {
    const config = configOf(
      pictures,
      "lineart",
      ...[`weights=${at("lineart.safetensors")}`, "dataOptions={ width: 32, height: 32, heldOut: 1 }"],
      ...settings,
    );
    const data = await openData(config, await openTrainingCondition(config), () => undefined);
    await data.close();
    return identityOf(data.train);
  };
  expect(await identity()).toBe(await identity());
  expect(await identity("detectResolution=64")).not.toBe(await identity());
});

test.each<[string, string, string[], string, RegExp]>([
  ["no weights", "hed", [], "missing", /train: condition "hed" needs a network: give weights: PATH of HED, /],
  ["the main part alone lacks", "pose", ["weights={ hand: h.pth }"], "config", /needs a path for "body"/],
  ["an unknown part", "pose", ["weights={ hnad: h.pth }"], "config", /no part "hnad", did you mean "hand"\?/],
  ["no network to give", "canny", ["weights=x.pth"], "config", /"canny" takes no weights \(those that do: /],
  [
    "a resolution where the network has its own",
    "depth",
    ["weights=dpt", "detectResolution=256"],
    "config",
    /a depth model has a resolution of its own/,
  ],
])("is refused before anything is trained: %s", async (_, condition, settings, code, message) => {
  const opening = openTrainingCondition(configOf(pictures, condition, ...settings));
  await expect(opening).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("ready maps need no network; without one they can't be compared with what was painted", async () => {
  const ready = (condition: string, ...settings: string[]) =>
    openTrainingCondition(configOf("{ kind: json-lines, dir: maps }", condition, ...settings));
  expect((await ready("pose")).detects).toBe(false);
  expect((await ready("canny")).detects).toBe(true);
  expect((await ready("lineart", "conditionOptions.method=network")).detects).toBe(false);
});
