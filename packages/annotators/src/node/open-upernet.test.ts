import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parseSafetensors, writeSafetensors } from "@controlnet-js/checkpoints";
import { ADE20K_PALETTE, segmentationCondition } from "@controlnet-js/preprocessors";
import { expectNoTensorLeak } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { asImage, readFixture } from "../testing/read-fixture.js";
import { useWasm } from "../testing/use-wasm.js";
import { openSegmentationModel } from "./open-segmentation-model.js";

beforeAll(useWasm);

// A model of tooling/reference/annotators/upernet.py, as transformers saves it.
const fixtures = fileURLToPath(new URL("../../fixtures/upernet", import.meta.url));
const saved = join(fixtures, "folder");
const fixture = readFixture("upernet/upernet.bin.gz");
const picture = asImage(fixture["folder.picture"]!);
const expected = [...fixture["folder.labels"]!.data];

const temporary = mkdtempSync(join(tmpdir(), "upernet-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** A folder with the saved model's configs and no weights yet. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(temporary, "model-"));
  for (const name of ["config.json", "preprocessor_config.json"])
    copyFileSync(join(saved, name), join(folder, name));
});

async function labelsOf(path: string): Promise<number[]> {
  const network = await openSegmentationModel(path);
  const { labels } = await network(picture);
  network.dispose();
  return [...labels];
}

test("a folder as transformers saves it: the classes are transformers', the colours ADE20K's", async () => {
  await expectNoTensorLeak(async () => {
    const network = await openSegmentationModel(saved);
    const { labels, width, height } = await network(picture);
    expect([width, height]).toEqual([picture.width, picture.height]);
    expect([...labels]).toEqual(expected);
    const { data } = await segmentationCondition.withNetwork(network).detect(picture);
    for (let i = 0; i < labels.length; i++)
      if (data.subarray(i * 3, i * 3 + 3).join() !== ADE20K_PALETTE[labels[i]!]!.join())
        expect.fail(`pixel ${i} of class ${labels[i]} is ${data.subarray(i * 3, i * 3 + 3)}`);
    network.dispose();
  });
});

test("pytorch_model.bin, and the one config of version 5", async () => {
  const weights = gunzipSync(readFileSync(join(fixtures, "pytorch_model.bin.gz")));
  writeFileSync(join(folder, "pytorch_model.bin"), weights);
  expect(await labelsOf(folder)).toEqual(expected);
  const images = JSON.parse(readFileSync(join(folder, "preprocessor_config.json"), "utf8"));
  rmSync(join(folder, "preprocessor_config.json"));
  writeFileSync(join(folder, "processor_config.json"), JSON.stringify({ image_processor: images }));
  expect(await labelsOf(folder)).toEqual(expected);
});

test("weights in shards", async () => {
  const source = parseSafetensors(readFileSync(join(saved, "model.safetensors")));
  const names = source.names();
  const map: Record<string, string> = {};
  for (const [i, part] of [names.slice(0, 40), names.slice(40)].entries()) {
    const file = `model-0000${i + 1}-of-00002.safetensors`;
    writeFileSync(join(folder, file), writeSafetensors(part.map((name) => source.get(name))));
    for (const name of part) map[name] = file;
  }
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
  expect(await labelsOf(folder)).toEqual(expected);
});

test("what is missing or wrong in a folder is named with it", async () => {
  await expect(openSegmentationModel(folder)).rejects.toMatchObject({
    code: "missing",
    message: expect.stringMatching(
      /model-.*has no model\.safetensors, pytorch_model\.safetensors.*it has: config\.json/,
    ),
  });
  writeFileSync(join(folder, "model.safetensors"), "no such thing");
  await expect(openSegmentationModel(folder)).rejects.toMatchObject({ code: "format" });
  const source = parseSafetensors(readFileSync(join(saved, "model.safetensors")));
  const lacking = source.names().filter((name) => name !== "backbone.hidden_states_norms.stage2.bias");
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(lacking.map((name) => source.get(name))));
  await expect(openSegmentationModel(folder)).rejects.toThrow(
    /model-.*does not fit the model\s+missing \(1\):\s+backbone\.hidden_states_norms\.stage2\.bias/,
  );
  rmSync(join(folder, "preprocessor_config.json"));
  await expect(openSegmentationModel(folder)).rejects.toThrow(/can't read .*preprocessor_config\.json/);
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  config.backbone_config.model_type = "resnet";
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  copyFileSync(join(saved, "preprocessor_config.json"), join(folder, "preprocessor_config.json"));
  await expect(openSegmentationModel(folder)).rejects.toThrow(
    /config\.json: "backbone_config\.model_type": a backbone of type "resnet" is not built; expected "convnext" or "swin"/,
  );
  writeFileSync(join(folder, "config.json"), "{}");
  await expect(openSegmentationModel(folder)).rejects.toThrow(/has no "model_type"/);
});
