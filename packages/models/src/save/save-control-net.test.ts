import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMetadata } from "@controlnet-js/checkpoints";
import { openWeights } from "@controlnet-js/checkpoints/node";
import { createControlNet, loadControlNet } from "@controlnet-js/controlnet";
import { cloneTree, defineCondition, leavesOf, randomInitializer } from "@controlnet-js/core";
import { createUNet, unetConfig } from "@controlnet-js/unet";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { hashUNet } from "../hash-unet.js";
import { saveControlNet } from "./save-control-net.js";

let folder: string;
beforeAll(async () => {
  await useCpuBackend();
  folder = await mkdtemp(join(tmpdir(), "save-control-net-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const unet = () =>
  createUNet(
    unetConfig({
      channels: [4, 8],
      blocksPerLevel: 1,
      attention: [true, false],
      heads: [1, 1],
      contextChannels: 4,
      groups: 2,
    }),
    randomInitializer(1),
  );

const sixChannels = defineCondition({
  name: "edges-and-colours",
  description: "Six channels.",
  channels: 6,
  range: [0, 1],
  polarity: "none",
  channelOrder: "none",
  resize: "area",
  blankIsError: false,
  options: z.object({ block: z.number().default(16) }),
  prepare: (image) => ({ ...image, data: new Uint8Array(image.width * image.height * 6), channels: 6 }),
});

test("condition, base and what else is kept are told by the file; the weights come back", async () => {
  const base = { unet: unet(), name: "tiny" };
  const net = createControlNet(base.unet, { hintChannels: 6 });
  await saveControlNet(join(folder, "net"), net, {
    condition: sixChannels,
    conditionOptions: { block: 8 },
    base,
    metadata: { step: 3 },
  });
  const source = openWeights(join(folder, "net"));
  expect(readMetadata(source.metadata)).toEqual({
    condition: "edges-and-colours",
    channels: 6,
    range: [0, 1],
    options: { block: 8 },
    base: { name: "tiny", hash: hashUNet(base.unet) },
    step: 3,
  });
  const loaded = loadControlNet(source, net.config, "diffusers");
  source.close();
  const values = (tree: unknown) =>
    Object.fromEntries(leavesOf(tree).map(({ path, value }) => [path, [...value.dataSync()]]));
  expect(values(loaded.params)).toEqual(values(net.params));
});

test("a condition of another number of channels, or options that it hasn't, are refused before anything is written", async () => {
  const net = createControlNet(unet());
  const save = (options: Parameters<typeof saveControlNet>[2]) =>
    saveControlNet(join(folder, "refused"), net, options);
  await expect(save({ condition: sixChannels })).rejects.toMatchObject({
    code: "config",
    message: expect.stringMatching(/"edges-and-colours" makes maps of 6 channels, the ControlNet takes 3/),
  });
  const six = createControlNet(unet(), { hintChannels: 6 });
  await expect(
    saveControlNet(join(folder, "refused"), six, {
      condition: sixChannels,
      conditionOptions: { blok: 8 },
    }),
  ).rejects.toThrow(/did you mean "block"/);
  expect(await readdir(folder)).not.toContain("refused");
});

test("a base is hashed by its weights", () => {
  const one = unet();
  expect(hashUNet(one)).toBe(hashUNet({ ...one, params: cloneTree(one.params) }));
  const other = createUNet(one.config, randomInitializer(2));
  expect(hashUNet(other)).not.toBe(hashUNet(one));
});
