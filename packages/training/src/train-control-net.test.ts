import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMetadata } from "@controlnet-js/checkpoints";
import { openWeights } from "@controlnet-js/checkpoints/node";
import { cloneTree, disposeTree, leavesOf } from "@controlnet-js/core";
import type { Dataset } from "@controlnet-js/data";
import { hashUNet } from "@controlnet-js/models/node";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { abs, mean, type Scalar, sub } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cosineRate } from "./learning-rate.js";
import { findCheckpoint } from "./run-state.js";
import { createTinyBase, createTinyNet, tinyDataset } from "./testing/tiny-task.js";
import { type TrainControlNetOptions, trainControlNet } from "./train-control-net.js";
import type { TrainingListener } from "./training-options.js";

beforeAll(useCpuBackend);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "train-control-net-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const maps = {
  condition: "noise",
  channels: 3,
  range: [0, 1],
  options: { low: 3 },
} as const satisfies Dataset["maps"];
/** Twelve samples, of which two are held out. */
const data = (): Dataset => ({ ...tinyDataset(12), maps, resolution: { width: 16, height: 16 } });
const valuesOf = (tree: unknown) => leavesOf(tree).flatMap(({ value }) => [...value.dataSync()]);

/** Trains a fresh net for four steps; what it holds then, and what the run told. */
async function trained(change: Partial<TrainControlNetOptions> = {}, listener: TrainingListener = {}) {
  const base = createTinyBase();
  const net = change.net ?? createTinyNet(base);
  const rates: number[] = [];
  const result = await trainControlNet(
    { base, net, data: data(), steps: 4, learningRate: 1e-2, batchSize: 2, folder, ...change },
    { ...listener, stepped: ({ rate }) => rates.push(rate) },
  );
  const values = valuesOf(net);
  disposeTree([net, base.unet, base.text.params, base.autoencoder]);
  return { ...result, values, rates };
}

describe("a ControlNet in one call", () => {
  test("holds what was trained; base and folder are as they should be", async () => {
    const base = createTinyBase();
    const net = createTinyNet(base);
    const before = [valuesOf(net), valuesOf([base.unet, base.text.params, base.autoencoder])];
    const noted: string[] = [];
    const result = await trainControlNet(
      {
        base: { ...base, name: "tiny" },
        net,
        data: data(),
        steps: 3,
        learningRate: 1e-2,
        batchSize: 2,
        folder,
      },
      { noted: (line) => noted.push(line) },
    );
    expect(valuesOf(net)).not.toEqual(before[0]);
    expect(valuesOf([base.unet, base.text.params, base.autoencoder])).toEqual(before[1]);
    expect(result).toMatchObject({ step: 3, reason: "finished", saved: true });
    expect(result.report).toMatchObject({ hint_gain: expect.any(Number) });
    expect(result.report!.link_norm).toBeGreaterThan(0);
    expect(noted).toEqual([expect.stringMatching(/^Latent cache: .* 10 of 10 pictures \(cacheGigabytes\)$/)]);
    // The checkpoint's model is the net, with all that sampling wants to know.
    const source = openWeights(join(result.checkpoint!, "model"));
    expect(readMetadata(source.metadata)).toEqual({
      ...maps,
      base: { hash: hashUNet(base.unet), name: "tiny" },
      step: 3,
    });
    source.close();
    disposeTree([net, base.unet, base.text.params, base.autoencoder]);
  });

  test.each<[string, Partial<TrainControlNetOptions>]>([
    ["plainly", {}],
    ["with latents and embeddings kept in a folder", { cacheFolder: "cache" }],
    [
      "with a loss, an optimizer's average and a schedule of one's own",
      {
        loss: (output, target) => mean(abs(sub(output, target))) as Scalar,
        schedule: cosineRate({ warmUpSteps: 1 }),
        emaDecay: 0.9,
        accumulate: 2,
        validateEvery: 0,
      },
    ],
  ])("resumes to the same bits: %s", async (_, change) => {
    const at = (name: string) => join(folder, name);
    const kept = (name: string) => change.cacheFolder && { cacheFolder: at(name) };
    const whole = await trained({ ...change, ...kept("cache 1"), folder: at("whole") });
    // Both parts share a cache folder: the second reads what the first has written, and encodes nothing.
    const parts = { ...change, ...kept("cache 2"), folder: at("parts") };
    const controller = new AbortController();
    const half = await trained(
      { ...parts, saveEvery: 2, signal: controller.signal },
      { saved: () => controller.abort() },
    );
    expect([half.step, half.reason]).toEqual([2, "aborted"]);
    const rest = await trained({ ...parts, resume: true });
    expect(rest.values).toEqual(whole.values);
    expect([...half.rates, ...rest.rates]).toEqual(whole.rates);
    if (change.cacheFolder) {
      const files = async (name: string) => (await readdir(at(name), { recursive: true })).sort();
      expect(await files("cache 2")).toEqual(await files("cache 1"));
      expect((await files("cache 2")).some((name) => name.startsWith("latents-"))).toBe(true);
      expect(rest.values).toEqual(
        (await trained({ ...change, cacheFolder: undefined, folder: at("none") })).values,
      );
    }
  });

  test("asks nothing of held-out data where there is none to spare", async () => {
    const { report } = await trained({ data: tinyDataset(3), steps: 1 });
    expect(report).toBeUndefined();
    const own = await trained({
      data: tinyDataset(3),
      steps: 1,
      heldOut: tinyDataset(4, 1000),
      folder: join(folder, "2"),
    });
    expect(own.report).toBeDefined();
  });

  test("a net, a base and data that don't belong together are refused, and stay as they were", async () => {
    const base = createTinyBase();
    const wide = createTinyBase({ channels: [8, 8] });
    const editing = createTinyBase({ inChannels: 8 });
    const [six, deep, other] = [
      createTinyNet(base, { hintChannels: 6 }),
      createTinyNet(base, { hintWidths: [4, 4, 4, 4] }),
      createTinyNet(wide),
    ];
    await expectNoTensorLeak(async () => {
      const refused = async (
        net: typeof six,
        code: string,
        message: RegExp,
        change: Partial<TrainControlNetOptions> = {},
      ) => {
        const before = cloneTree(net.params);
        await expect(
          trainControlNet({ base, net, data: data(), steps: 1, learningRate: 1, folder, ...change }),
        ).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
        expectClose(valuesOf(net), valuesOf(before), 0);
        disposeTree(before);
      };
      await refused(six, "config", /"noise" have 3 channels, the ControlNet takes 6: .*hintChannels: 3/);
      await refused(deep, "config", /8 times smaller, the autoencoder pictures 4 times; .* 3 hintWidths/);
      await refused(other, "config", /channels are 8,8, those of this base are 4,8/);
      await refused(six, "unsupported", /is a model for editing, of 8 input channels/, { base: editing });
    });
    expect(await findCheckpoint(folder)).toBeUndefined();
  });

  test("nothing leaks", async () => {
    const base = createTinyBase();
    const net = createTinyNet(base);
    await expectNoTensorLeak(async () => {
      await trainControlNet({
        base,
        net,
        data: data(),
        steps: 2,
        learningRate: 1e-3,
        batchSize: 2,
        folder,
        emaDecay: 0.5,
      });
    });
  });
});
