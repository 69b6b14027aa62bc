import { publishedShape, tensorSource } from "@controlnet-js/checkpoints";
import { type UNetConfig, unetConfig, unetKeyRows } from "@controlnet-js/unet";
import { expect, test } from "vitest";
import { unetFromShapes } from "./net-from-shapes.js";

const base = { channels: [32, 64, 64], heads: [8, 8, 8], contextChannels: 24 };
const configs: Record<string, UNetConfig> = {
  "blocks and depths by level": unetConfig({
    ...base,
    attention: [true, true, true],
    blocksPerLevel: [1, 3, 2],
    depth: [1, 3, 2],
  }),
  "scales by time and text alone": unetConfig({
    ...base,
    attention: [true, true, false],
    scaleShift: true,
    contextOnly: [false, true, false],
  }),
  "no transformer in the middle": unetConfig({ ...base, attention: [false, true, false], middle: "none" }),
  "other kernels and time features": unetConfig({
    ...base,
    attention: [false, false, false],
    depth: 2,
    inputKernel: 5,
    outputKernel: 1,
    timeFeatures: 96,
  }),
};

test.each(Object.entries(configs))("%s: shapes tell them, under either names", (_, config) => {
  for (const keys of ["ldm", "diffusers"] as const) {
    const tensors = unetKeyRows(config, keys).map((row) => ({
      name: row.key,
      dtype: "F32" as const,
      shape: [...publishedShape(row.layout, row.shape)],
      bytes: () => new Uint8Array(),
    }));
    expect(unetFromShapes(tensorSource(tensors, {}, "file"), keys)).toEqual(config);
  }
});
