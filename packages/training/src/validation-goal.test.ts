import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeTree } from "@controlnet-js/core";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { type Scalar, scalar, square } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { runTraining } from "./run-training.js";
import { tinyDataset, tinyOptions } from "./testing/tiny-task.js";
import type { TrainingOptions } from "./training-options.js";
import type { TrainingTask } from "./training-task.js";

beforeAll(useCpuBackend);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goal-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Trains one number, whose validation tells the step. */
const stepTask = (): TrainingTask<{ x: Scalar }, Record<string, never>> => ({
  name: "step",
  params: { x: scalar(1) },
  loss: ({ x }) => square(x),
  batch: async () => ({}),
  validate: async (_params, step) => ({ step }),
  publish: async () => undefined,
});

/** How a run ends whose goal is missed at step `missed` only, and what it has done until then. */
async function ended(change: Partial<TrainingOptions> = {}, { missed = 1, task = stepTask() } = {}) {
  const goal = { inARow: 3, isMet: ({ step }: Record<string, number>) => step !== missed };
  const done = { trained: [] as number[], validated: [] as number[] };
  const options = tinyOptions(folder, { validateEvery: 1, saveEvery: 0, goal, ...change });
  const { params, step, reason, saved } = await runTraining(task, tinyDataset(5), options, {
    stepped: (info) => void done.trained.push(info.step),
    validated: (_report, at) => void done.validated.push(at),
  });
  disposeTree(params);
  return { step, reason, saved, ...done };
}

/** Steps 0 and 1 break the row; 2, 3 and 4 are the goal. */
const whole = { step: 4, reason: "done", saved: true };

test("a run ends with the last of so many validations in a row that meet its goal", async () => {
  expect(await ended()).toMatchObject({ ...whole, validated: [0, 1, 2, 3, 4] });
});

test.each([1, 2, 3])("after %i steps and a break it ends where it does without", async (steps) => {
  expect(await ended({ steps })).toMatchObject({ step: steps, reason: "finished" });
  expect(await ended({ resume: true })).toMatchObject(whole);
});

test("where it has ended, it is not trained on", async () => {
  await ended();
  expect(await ended({ resume: true })).toEqual({ ...whole, trained: [], validated: [] });
});

test("what is measured only because the first part ends does not count", async () => {
  const options = { validateEvery: 2 };
  expect(await ended({ ...options, folder: join(folder, "whole") })).toMatchObject(whole);
  const first = await ended({ ...options, steps: 3 }, { missed: 3 });
  expect(first.validated).toEqual([0, 2, 3]);
  expect(await ended({ ...options, resume: true })).toMatchObject(whole);
});

test("a validation that was aborted is made by the resumed run", async () => {
  const controller = new AbortController();
  const task = stepTask();
  const aborting: typeof task = {
    ...task,
    async validate(_params, step, signal) {
      if (step === 3) controller.abort();
      signal?.throwIfAborted();
      return { step };
    },
  };
  const first = await ended({ signal: controller.signal }, { task: aborting });
  expect(first).toMatchObject({ step: 3, reason: "aborted", validated: [0, 1, 2] });
  expect(await ended({ resume: true })).toEqual({ ...whole, trained: [4], validated: [3, 4] });
});
