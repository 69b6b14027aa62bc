import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Image } from "@controlnet-js/core";
import {
  ADE20K_PALETTE,
  blankImage,
  depthCondition,
  segmentationCondition,
} from "@controlnet-js/preprocessors";
import { afterAll, describe, expect, test } from "vitest";
import { standInLibrary } from "../testing/stand-in-library.js";
import { openCaptioner } from "./open-captioner.js";
import { openDepthModel } from "./open-depth-model.js";
import { openSegmentationModel } from "./open-segmentation-model.js";
import type { TransformersLibrary } from "./open-transformers.js";

// Tiny models of tooling/reference/annotators/onnx_models.py: depth is red, the classes are red, green and blue.
const model = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/transformers/${name}`, import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "transformers-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

// The library brings 400 MB: TRANSFORMERS names its module where it is not installed beside this package.
const name = process.env.TRANSFORMERS ?? "@huggingface/transformers";
const installed: TransformersLibrary | undefined = await import(name).catch(() => undefined);

/** Red grows to the right, on a picture of any size. */
function ramp(width: number, height: number): Image {
  const image = blankImage(width, height, 3);
  for (let i = 0; i < width * height; i++) image.data[i * 3] = Math.round((255 * (i % width)) / (width - 1));
  return image;
}

/** Three stripes: blue, red, green. */
function stripes(width: number, height: number): Image {
  const image = blankImage(width, height, 3);
  for (let i = 0; i < width * height; i++)
    image.data[i * 3 + [2, 0, 1][Math.floor((3 * (i % width)) / width)]!] = 255;
  return image;
}

const libraries: [string, TransformersLibrary | undefined][] = [
  ["its interface", standInLibrary],
  ["the library itself", installed],
];

describe.each(libraries)("models through %s", (_, library) => {
  const options = library ? { library } : {};

  test.skipIf(!library)("depth comes in the picture's size, near is bright", async () => {
    const network = await openDepthModel(model("depth-anything"), options);
    const map = await depthCondition.withNetwork(network).detect(ramp(64, 48));
    expect([map.width, map.height]).toEqual([64, 48]);
    const row = Array.from({ length: 64 }, (_, x) => map.data[(20 * 64 + x) * 3]!);
    for (const [x, value] of row.entries()) expect(Math.abs(value - (255 * x) / 63)).toBeLessThan(8);
    expect(row).toEqual([...row].sort((a, b) => a - b));
    network.dispose();
  });

  test.skipIf(!library)("classes come in the picture's size, as the palette's colours", async () => {
    const network = await openSegmentationModel(model("segformer"), options);
    const map = await segmentationCondition.withNetwork(network).detect(stripes(96, 40));
    expect([map.width, map.height]).toEqual([96, 40]);
    const at = (x: number) => [...map.data.subarray((10 * 96 + x) * 3, (10 * 96 + x) * 3 + 3)];
    expect([at(10), at(48), at(86)]).toEqual([ADE20K_PALETTE[2], ADE20K_PALETTE[0], ADE20K_PALETTE[1]]);
    network.dispose();
  });

  test.skipIf(!library)("the library's settings are as they were", async () => {
    const before = { ...library!.env };
    (await openDepthModel(model("depth-anything"), options)).dispose();
    expect(library!.env.allowRemoteModels).toBe(before.allowRemoteModels);
    expect(library!.env.localModelPath).toBe(before.localModelPath);
  });
});

test("a captioner says in words what it sees; one of another kind is refused by name", async () => {
  writeFileSync(join(temporary, "config.json"), '{"model_type": "vision-encoder-decoder"}');
  const caption = await openCaptioner(temporary, { library: standInLibrary });
  expect(await caption(ramp(64, 48))).toBe("a picture 64 wide");
  caption.dispose();
  await expect(openCaptioner(temporary, { library: standInLibrary, beams: 3 })).rejects.toThrow(
    /only BLIP takes beams/,
  );
  writeFileSync(join(temporary, "config.json"), '{"model_type": "git"}');
  await expect(openCaptioner(temporary, { library: standInLibrary, beams: 3 })).rejects.toThrow(
    /"git".*blip, vision-encoder-decoder/,
  );
});

test("a model of another kind is named; a folder without one, too", async () => {
  await expect(openDepthModel(model("segformer"), { library: standInLibrary })).rejects.toThrow(
    /holds a model of type "segformer", expected one of dpt, depth_anything/,
  );
  writeFileSync(join(temporary, "config.json"), '{"model_type": "blip"}');
  await expect(openSegmentationModel(temporary, { library: standInLibrary })).rejects.toMatchObject({
    code: "unsupported",
  });
  await expect(openDepthModel(join(temporary, "nowhere"))).rejects.toMatchObject({ code: "io" });
});

test.skipIf(installed && !process.env.TRANSFORMERS)(
  "without the library the error says what to install",
  async () => {
    await expect(openDepthModel(model("depth-anything"))).rejects.toThrow(
      /npm install @huggingface\/transformers/,
    );
  },
);
