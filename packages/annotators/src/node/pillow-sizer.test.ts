import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Image } from "@controlnet-js/core";
import { afterAll, expect, test } from "vitest";
import { resizePillow } from "../hugging-face/resize-pillow.js";
import { pillowSizer } from "./pillow-sizer.js";

const folder = mkdtempSync(join(tmpdir(), "pillow-sizer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const picture: Image = {
  data: Uint8Array.from({ length: 50 * 30 * 3 }, (_, i) => (i * 7919) % 251),
  width: 50,
  height: 30,
  channels: 3,
};

/** The picture that a processor that wants 16 columns saw last. */
async function seen(config: Record<string, unknown>, rows: number): Promise<Image> {
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(config));
  const { image } = await pillowSizer("test", folder)(picture, async (image) => ({
    image,
    pixel_values: { dims: [1, 3, rows, 16] },
  }));
  return image;
}

test("a picture is resized by Pillow's filter of the model's folder to the size that its processor wants", async () => {
  const sized = (filter: "bilinear" | "bicubic") => resizePillow(picture, 16, 16, filter);
  expect(await seen({ resample: 2 }, 16)).toEqual(sized("bilinear"));
  expect(await seen({ resample: 3 }, 16)).toEqual(sized("bicubic"));
  expect(await seen({}, 16)).toEqual(sized("bilinear"));
  expect(await seen({ image_processor_type: "DPTImageProcessorFast" }, 16)).toEqual(sized("bicubic"));
});

test("what is cropped, padded or resized by another filter is left to the library", async () => {
  for (const config of [{ do_resize: false }, { do_center_crop: true }, { do_pad: true }, { resample: 0 }])
    expect(await seen(config, 16)).toBe(picture);
});
