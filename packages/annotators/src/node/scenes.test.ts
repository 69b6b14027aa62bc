import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "@controlnet-js/core";
import { blankImage, depthMap } from "@controlnet-js/preprocessors";
import { afterAll, describe, expect, test } from "vitest";
import { asImage, readFixture } from "../testing/read-fixture.js";
import { standInLibrary } from "../testing/stand-in-library.js";
import { openDepthModel } from "./open-depth-model.js";
import { openSegmentationModel } from "./open-segmentation-model.js";
import type { TransformersLibrary } from "./open-transformers.js";

const fixtures = fileURLToPath(new URL("../../fixtures/transformers", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "scenes-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

interface Scene {
  config: Record<string, unknown>;
  width: number;
  height: number;
  /** Width and height of the picture as the network sees it. */
  size: [number, number];
  /** CRC-32 of those pixels, floats `[3, height, width]`. */
  checksum: number;
  outcome?: "depth" | "classes";
}

// Of tooling/reference/annotators/scenes.py.
const scenes: Scene[] = JSON.parse(readFileSync(join(fixtures, "scenes.json"), "utf8"));
const arrays = readFixture("transformers/scenes.bin.gz");
const photo = asImage(arrays.photo!);

/** The upper left part of the photo. */
function partOfPhoto(width: number, height: number) {
  const part = blankImage(width, height, 3);
  for (let y = 0; y < height; y++)
    part.data.set(photo.data.subarray(y * photo.width * 3, (y * photo.width + width) * 3), y * width * 3);
  return part;
}

let made = 0;
/** A model's folder with another image processor. */
function folderOf(model: "depth-anything" | "segformer", processor: Record<string, unknown>): string {
  const folder = join(temporary, `model-${made++}`);
  cpSync(join(fixtures, model), folder, { recursive: true });
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(processor));
  return folder;
}

/** The library, and the last picture that a network of it saw. */
function watched(library: TransformersLibrary) {
  const seen: { data: Float32Array; dims: number[] }[] = [];
  class Tensor {
    constructor(type: "float32", data: Float32Array, dims: number[]) {
      seen.push({ data, dims });
      // biome-ignore lint/correctness/noConstructorReturn: the network gets the library's own tensor
      return new library.Tensor(type, data, dims) as Tensor;
    }
  }
  return { library: { ...library, Tensor } as TransformersLibrary, seen };
}

const name = process.env.TRANSFORMERS ?? "@huggingface/transformers";
const installed: TransformersLibrary | undefined = await import(name).catch(() => undefined);

describe.each([
  ["its interface", standInLibrary],
  ["the library itself", installed],
])("through %s", (_, given) => {
  describe.skipIf(!given).each(scenes.map((scene, i) => ({ ...scene, i })))("$i: $config", (scene) => {
    const { config, width, height, size, checksum, outcome, i } = scene;
    const picture = partOfPhoto(width, height);

    test("the network sees, bit for bit, what transformers and Pillow show it; what it finds comes back alike", async () => {
      const { library, seen } = watched(given!);
      const folder = folderOf(outcome === "depth" ? "depth-anything" : "segformer", config);
      const open = outcome === "depth" ? openDepthModel : openSegmentationModel;
      const network = await open(folder, { library });
      const found = await network(picture);
      network.dispose();
      const { data, dims } = seen[0]!;
      expect(dims).toEqual([1, 3, size[1], size[0]]);
      expect(crc32(new Uint8Array(data.buffer))).toBe(checksum);
      if (!outcome) return;
      const expected = arrays[`${i}.outcome`]!;
      expect([found.height, found.width]).toEqual(expected.shape);
      if ("labels" in found) expect([...found.labels]).toEqual([...expected.data]);
      else
        for (const [at, value] of depthMap(found).data.entries())
          expect(Math.abs(value - expected.data[at]!), `pixel ${at}`).toBeLessThanOrEqual(1);
    });
  });
});

test("a folder may have the one config of version 5", async () => {
  const folder = folderOf("segformer", { image_processor: scenes[7]!.config });
  renameSync(join(folder, "preprocessor_config.json"), join(folder, "processor_config.json"));
  const { library, seen } = watched(standInLibrary);
  await (await openSegmentationModel(folder, { library }))(partOfPhoto(scenes[7]!.width, scenes[7]!.height));
  expect(crc32(new Uint8Array(seen[0]!.data.buffer))).toBe(scenes[7]!.checksum);
});

describe("what is not built is named", () => {
  const rejection = (model: "depth-anything" | "segformer", processor: Record<string, unknown>) =>
    (model === "segformer" ? openSegmentationModel : openDepthModel)(folderOf(model, processor), {
      library: standInLibrary,
    }).then(
      () => expect.fail("opened"),
      ({ code, message }) => `${code}: ${message}`,
    );

  test.each([
    [
      "segformer",
      { image_processor_type: "ConvNextImageProcessor" },
      /"ConvNextImageProcessor" is not built; expected one of Segformer/,
    ],
    ["segformer", { do_center_crop: true }, /"do_center_crop": not built; expected false/],
    ["segformer", { do_pad: true }, /"do_pad": not built; expected false/],
    [
      "segformer",
      { size: { longest_edge: 32 } },
      /"size": expected one side in pixels, height and width, shortest_edge/,
    ],
    ["depth-anything", { size: { shortest_edge: 32 } }, /"size": expected height and width/],
    ["depth-anything", { resample: 6 }, /resample 6 is not built; expected 0 \(nearest\), .*5 \(hamming\)/],
    [
      "depth-anything",
      { image_mean: [0.5, 0.5] },
      /"image_mean": expected a number, or one for each of 3 channels/,
    ],
  ] as const)("%s, %o", async (model, processor, message) => {
    const said = await rejection(model, processor);
    expect(said).toMatch(/^unsupported: open\w+Model: .*preprocessor_config\.json: /);
    expect(said).toMatch(message);
  });

  test("a depth model that gives metres", async () => {
    const folder = folderOf("depth-anything", {});
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    writeFileSync(
      join(folder, "config.json"),
      JSON.stringify({ ...config, depth_estimation_type: "metric" }),
    );
    await expect(openDepthModel(folder, { library: standInLibrary })).rejects.toThrow(
      /gives metres, which grow away from the camera; expected a model of relative depth/,
    );
  });

  test("a picture too narrow for its size", async () => {
    const processor = { size: { height: 28, width: 28 }, keep_aspect_ratio: true, ensure_multiple_of: 28 };
    const network = await openDepthModel(folderOf("depth-anything", processor), { library: standInLibrary });
    await expect(network(blankImage(100, 3, 3))).rejects.toThrow(/100x3 is too narrow; .* makes it 28x0/);
  });
});
