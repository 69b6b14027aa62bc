import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset } from "@controlnet-js/data";
import type { TrainingTask } from "@controlnet-js/training";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { mean, type Scalar, square, sub, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { contactSheet } from "./contact-sheet.js";
import type { ProgressRun } from "./run-progress.js";
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

const run = (given: TrainCommand, change: Partial<ProgressRun<Tensor, Tensor>> = {}) =>
  runWithProgress(given, {
    task: task(),
    data,
    published: "model.txt",
    paintedFigures: [],
    describe: ({ distance }) => ({ line: `distance ${distance}`, bar: "" }),
    ...change,
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

test("pictures that can't be painted are said once and do not end the run; its figures have their columns", async () => {
  const given = command();
  given.config.validation.imagesEvery = 2;
  const paint = vi.fn(() => Promise.reject(new Error("no memory")));
  const { result, params } = await run(given, { paint, paintedFigures: ["colour_right"] });
  params.dispose();
  expect(paint).toHaveBeenCalledTimes(3);
  expect(result).toMatchObject({ step: 4, saved: true });
  expect(told().match(/pictures can't be painted: no memory; the run goes on/g)).toHaveLength(1);
  expect(readFileSync(join(folder, "validations.csv"), "utf8")).toBe(
    "step,colour_right,distance\n0,NaN,1\n2,NaN,1\n4,NaN,1\n",
  );
});

test("any caption can stand on a contact sheet", async () => {
  const image = { ...picture, data: new Uint8Array(3 * 64 * 64), width: 64, height: 64 };
  const captions = [
    ...Array.from({ length: 33 }, (_, code) => `a ${String.fromCharCode(code)} b`),
    ...[
      "\ud800 lone",
      "lone \udc00",
      "\ufffe",
      "\uffff",
      "\x7f\x9f",
      "<&>\"'",
      "]]>",
      "&#0;",
      "\u{1f600}",
      "",
    ],
    "word ".repeat(100_000),
    "x".repeat(100_000),
  ];
  const given = command();
  given.config.validation.imagesEvery = 2;
  const rows = captions.map((caption) => ({ images: [image], caption }));
  const paint = async () => ({ sheet: await contactSheet(["<a>\u0001"], rows), figures: {} });
  const { params } = await run(given, { paint });
  params.dispose();
  expect(told()).not.toMatch(/warning/);
  expect(existsSync(join(folder, "validation", "step-00000004.png"))).toBe(true);
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
