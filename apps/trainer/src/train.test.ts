import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeTree } from "@controlnet-js/core";
import { selectEngine } from "@controlnet-js/engine";
import { hashUNet, openControlNet, openUNet } from "@controlnet-js/models/node";
import { readPngText } from "@controlnet-js/preprocessors/node";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sample } from "./sample/sample.js";
import { mergeParameters } from "./sample/sample-parameters.js";
import { writeTinyBase } from "./testing/tiny-base.js";
import { train } from "./train.js";
import { readTrainConfig } from "./train-config.js";

const folder = mkdtempSync(join(tmpdir(), "trainer-"));
const base = join(folder, "base");

const picture = (seed: number, size = 32) =>
  sharp({ create: { width: size, height: size, channels: 3, background: { r: 40 * seed, g: 200, b: 90 } } })
    .composite([
      {
        input: { create: { width: 9 + seed, height: 12, channels: 3, background: "#102030" } },
        left: 5,
        top: 6,
      },
    ])
    .png()
    .toBuffer();

beforeAll(async () => {
  await selectEngine({ engine: "cpu" });
  await writeTinyBase(base);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = (output: string, { steps = 2, heldOut = 2, images = 1 } = {}) => [
  "hintWidths=[4,4,4,4]",
  "dataOptions.width=32",
  "dataOptions.height=32",
  `dataOptions.heldOut=${heldOut}`,
  "dataOptions.workers=0",
  `training.steps=${steps}`,
  "training.batchSize=2",
  "validation.every=2",
  "validation.samples=2",
  `validation.images=${images}`,
  "validation.imagesEvery=2",
  "validation.samplingSteps=2",
  `output=${join(folder, output)}`,
];

test("trains on a folder in fill50k's format, resumes, and its ControlNet paints", {
  timeout: 240_000,
}, async () => {
  const data = join(folder, "fill50k");
  await mkdir(join(data, "source"), { recursive: true });
  await mkdir(join(data, "target"));
  const lines: string[] = [];
  for (let i = 0; i < 6; i++) {
    writeFileSync(join(data, `source/${i}.png`), await picture(i));
    writeFileSync(join(data, `target/${i}.png`), await picture(i));
    lines.push(JSON.stringify({ source: `source/${i}.png`, target: `target/${i}.png`, prompt: "red ball" }));
  }
  writeFileSync(join(data, "prompt.json"), lines.join("\n"));
  const config = join(folder, "fill50k.yaml");
  writeFileSync(config, `base: ${base}\ndata: { kind: json-lines, dir: ${data} }\noutput: x\n`);

  const first = await train({
    config: readTrainConfig(config, settings("run")),
    resume: false,
    engine: "cpu",
  });
  first.dispose();
  const again = readTrainConfig(config, settings("run", { steps: 4 }));
  const second = await train({ config: again, resume: true, engine: "cpu" });
  expect(second.result.step).toBe(4);
  expect(second.log.steps.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  second.dispose();
  expect(await readdir(join(folder, "run"))).toEqual(
    expect.arrayContaining([
      "chart.svg",
      "checkpoints",
      "controlnet",
      "events",
      "steps.csv",
      "validation",
      "validations.csv",
    ]),
  );

  const net = await openControlNet(join(folder, "run/controlnet"));
  const unet = await openUNet(join(base, "unet"));
  expect(net.metadata).toMatchObject({
    condition: "canny",
    base: { name: "base", hash: hashUNet(unet) },
    step: 4,
  });
  disposeTree([net, unet]);

  const photo = join(folder, "photo.png");
  writeFileSync(photo, await picture(3, 50));
  const {
    files: [painted],
  } = await sample({
    parameters: mergeParameters({
      model: base,
      prompt: "red ball",
      controls: [{ path: join(folder, "run/controlnet"), image: photo, strength: 1, start: 0, end: 1 }],
      steps: 2,
      guidance: 3,
      seed: 4,
      engine: "cpu",
    }),
    out: join(folder, "painted"),
  });
  const png = readFileSync(painted!);
  expect(JSON.parse(readPngText(png, "parameters")!)).toMatchObject({
    prompt: "red ball",
    seed: 4,
    width: 32,
  });
  expect((await sharp(png).metadata()).width).toBe(32);
});

test("trains on a folder of pictures with captions, the maps made on the fly", {
  timeout: 120_000,
}, async () => {
  const data = join(folder, "pictures");
  await mkdir(data);
  for (let i = 0; i < 5; i++) {
    writeFileSync(join(data, `${i}.png`), await picture(i, 40));
    writeFileSync(join(data, `${i}.txt`), "blue cube");
  }
  writeFileSync(join(data, "broken.jpg"), "not a picture");
  writeFileSync(join(data, "broken.txt"), "blue cube");
  const config = join(folder, "pictures.yaml");
  writeFileSync(config, `base: ${base}\ndata: { kind: image-folder, dir: ${data} }\noutput: x\n`);
  const trained = await train({
    config: readTrainConfig(config, settings("pictures-run", { steps: 3, heldOut: 1, images: 0 })),
    resume: false,
    engine: "cpu",
  });
  expect(trained.result).toMatchObject({ step: 3, reason: "finished" });
  trained.dispose();
});
