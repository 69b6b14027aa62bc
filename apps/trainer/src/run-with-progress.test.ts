import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset } from "@controlnet-js/data";
import type { TrainingTask } from "@controlnet-js/training";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { mean, type Scalar, square, sub, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { runWithProgress, type TrainCommand } from "./run-with-progress.js";
import { captureStderr } from "./testing/capture-stderr.js";
import { readTrainConfig } from "./train-config.js";

beforeAll(useCpuBackend);

let folder: string;
let told: () => string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "progress-"));
  told = captureStderr();
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const picture = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 };
const data: Dataset = {
  size: 4,
  describe: () => "four pixels",
  load: async (index) => ({ index, name: `${index}`, image: picture, map: picture, caption: "" }),
};
const task = (): TrainingTask<Tensor, Tensor> => ({
  name: "tiny",
  params: tensor1d([0]),
  loss: (params, batch) => mean(square(sub(params, batch))) as Scalar,
  batch: async () => tensor1d([1]),
  validate: async () => ({ distance: 1 }),
  publish: async (params, target) => writeFileSync(target, String(params.dataSync())),
});

function command(change: Partial<TrainCommand> = {}): TrainCommand {
  const path = join(folder, "train.yaml");
  writeFileSync(path, `task: autoencoder\ndata: { kind: tinyworld }\noutput: ${folder}\n`);
  const config = readTrainConfig(path, ["training.steps=4", "validation.every=2", "checkpoints.every=0"]);
  return { config, resume: false, engine: "cpu", ...change };
}

const run = (given: TrainCommand) =>
  runWithProgress(given, {
    task: task(),
    data,
    published: "model.txt",
    paintedFigures: [],
    describe: ({ distance }) => ({ line: `distance ${distance}`, bar: "" }),
  });

test("a run tells how it goes and leaves its figures", async () => {
  const { result, params } = await run(command());
  params.dispose();
  expect(result).toMatchObject({ step: 4, saved: true, reason: "finished" });
  expect(told()).toMatch(/step 4: distance 1\n[\s\S]*Trained after 4 steps/);
  expect(readFileSync(join(folder, "steps.csv"), "utf8").trim().split("\n")).toHaveLength(5);
  expect(existsSync(join(folder, "chart.svg"))).toBe(true);
});

test("figures that can't be written are said once and do not end the run", async () => {
  writeFileSync(join(folder, "events"), "in the way");
  mkdirSync(join(folder, "chart.svg"));
  const { result, params } = await run(command());
  params.dispose();
  expect(result).toMatchObject({ step: 4, saved: true });
  expect(told().match(/figures can't be written/g)).toHaveLength(1);
});

test("an output folder that can't be written to ends the run before its first step, with the way out", async () => {
  mkdirSync(join(folder, "steps.csv"));
  await expect(run(command())).rejects.toThrow(
    /can't write to .*choose another folder by --set output=FOLDER/,
  );
});

test("of a group, the processes after the first write nothing", async () => {
  const alone = async () => {};
  const same = async (tensors: readonly Tensor[]) => tensors.map((tensor) => tensor.clone());
  const group = { rank: 1, size: 2, allReduce: same, broadcast: same, barrier: alone };
  const { result, params } = await run(command({ group }));
  params.dispose();
  expect(result.step).toBe(4);
  expect(existsSync(join(folder, "steps.csv")) || existsSync(join(folder, "model.txt"))).toBe(false);
  expect(told()).toBe("");
});
