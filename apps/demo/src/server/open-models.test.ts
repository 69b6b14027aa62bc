import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { disposeTree } from "@controlnet-js/core";
import { disposePipeline } from "@controlnet-js/models";
import { convertModel } from "@controlnet-js/models/node";
import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openModels } from "./open-models.js";

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../../../packages/models/fixtures/${name}`, import.meta.url));
let folder: string;
beforeAll(async () => {
  await useCpuBackend();
  folder = mkdtempSync(join(tmpdir(), "demo-models-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const log = () => {};

test("opens folders and single files, the net with what its base tells", async () => {
  const [model, control] = [join(folder, "model.safetensors"), join(folder, "edges.safetensors")];
  await convertModel(fixture("tiny"), model, { to: "ldm" });
  await convertModel(fixture("edges"), control, { to: "ldm" });
  await expectNoTensorLeak(async () => {
    const { pipeline, net } = await openModels({ model, control, tokenizer: fixture("tiny/tokenizer"), log });
    expect(net!.config.unet.heads).toEqual(pipeline.unet.config.heads);
    disposeTree(net!.params);
    disposePipeline(pipeline);
  });
});

test("a ControlNet in the base's place is named, and nothing stays in memory", async () => {
  await expectNoTensorLeak(async () => {
    const opened = openModels({ model: fixture("edges"), control: undefined, tokenizer: undefined, log });
    await expect(opened).rejects.toThrow(/edges: expected a U-Net, found a ControlNet/);
    const none = openModels({ model: fixture("tiny"), control: fixture("tiny"), tokenizer: undefined, log });
    await expect(none).rejects.toThrow(/tiny: expected a ControlNet, found a whole model/);
  });
});
