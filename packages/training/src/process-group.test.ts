import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeTree, leavesOf } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { addN, clone, type Tensor } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type ProcessGroup, shareText } from "./process-group.js";
import { runTraining } from "./run-training.js";
import { createTinyTask, tinyDataset, tinyOptions } from "./testing/tiny-task.js";
import type { TrainingListener, TrainingOptions } from "./training-options.js";
import type { ValidationGoal } from "./training-task.js";

beforeAll(useCpuBackend);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "group-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A group whose members live in this process; each operation ends when all have come. */
function groupOf(size: number): ProcessGroup[] {
  const given: Tensor[][][] = [];
  const calls = Array.from({ length: size }, () => 0);
  const waiting = new Map<number, (() => void)[]>();
  const meet = async (rank: number, tensors: readonly Tensor[]): Promise<Tensor[][]> => {
    const call = calls[rank]!++;
    (given[call] ??= [])[rank] = [...tensors];
    const wait = new Promise<void>((resolve) => {
      waiting.set(call, [...(waiting.get(call) ?? []), resolve]);
    });
    if (waiting.get(call)!.length === size) for (const go of waiting.get(call)!) go();
    await wait;
    return given[call]!;
  };
  return calls.map((_, rank) => ({
    rank,
    size,
    async allReduce(tensors) {
      const all = await meet(rank, tensors);
      return tensors.map((_tensor, i) => addN(all.map((theirs) => theirs[i]!)));
    },
    broadcast: async (tensors, root = 0) => (await meet(rank, tensors))[root]!.map((tensor) => clone(tensor)),
    barrier: async () => void (await meet(rank, [])),
  }));
}

/** The parameters that a run ends with. */
async function trained(change: Partial<TrainingOptions>, listener: TrainingListener = {}) {
  const result = await runTraining(createTinyTask(), tinyDataset(6), tinyOptions(folder, change), listener);
  const values = leavesOf(result.params).flatMap(({ value }) => [...value.dataSync()]);
  disposeTree(result.params);
  return { ...result, values };
}

/** Met once the links are no longer zero: after the first step. */
const learns = (inARow: number): ValidationGoal => ({ inARow, isMet: ({ link_norm }) => link_norm! > 0 });

const together = (size: number, change: Partial<TrainingOptions>, listener: TrainingListener = {}) =>
  Promise.all(
    groupOf(size).map((group) => trained({ ...change, group }, group.rank === 0 ? listener : undefined)),
  );

test("two processes train on batches of one as one process does on batches of two", async () => {
  const steps = 3;
  const alone = await trained({ folder: join(folder, "alone"), steps, batchSize: 2 });
  const losses: number[] = [];
  const [first, second] = await together(
    2,
    { steps, batchSize: 1 },
    { stepped: ({ loss }) => losses.push(loss) },
  );
  expect(second!.values).toEqual(first!.values);
  expectClose(first!.values, alone.values, 1e-5);
  expect(losses).toHaveLength(steps);
});

test("a group resumes bit for bit, from what the first process finds", async () => {
  const whole = await together(2, { folder: join(folder, "whole"), batchSize: 1, steps: 4 });
  await together(2, { batchSize: 1, steps: 2 });
  const groups = groupOf(2);
  const rest = await Promise.all(
    groups.map((group) => {
      const seen = group.rank === 0 ? folder : join(folder, "elsewhere");
      return trained({ folder: seen, batchSize: 1, steps: 4, group, resume: true });
    }),
  );
  expect(rest.map(({ values }) => values)).toEqual(whole.map(({ values }) => values));
  expect(readdirSync(folder).filter((name) => name.startsWith("step-"))).toContain("step-00000004");
});

test("when one process is told to stop, all do after the same step, saved", async () => {
  const controller = new AbortController();
  const groups = groupOf(2);
  const results = await Promise.all(
    groups.map((group) =>
      trained(
        { batchSize: 1, group, saveEvery: 0, ...(group.rank === 1 && { signal: controller.signal }) },
        group.rank === 1 ? { stepped: ({ step }) => step === 3 && controller.abort() } : {},
      ),
    ),
  );
  expect(results.map(({ step, reason }) => [step, reason])).toEqual([
    [3, "aborted"],
    [3, "aborted"],
  ]);
  expect(results[0]).toMatchObject({ saved: true, checkpoint: join(folder, "step-00000003") });
});

test("the first process validates, and its end is everyone's", async () => {
  const results = await together(2, { batchSize: 1, validateEvery: 2, goal: learns(1) });
  expect(results.map(({ step, reason }) => [step, reason])).toEqual([
    [2, "done"],
    [2, "done"],
  ]);
});

test("a group that is resumed goes on counting what the first process has found", async () => {
  const options = { batchSize: 1, validateEvery: 1, goal: learns(4) };
  await together(2, { ...options, steps: 2 });
  const results = await together(2, { ...options, resume: true });
  expect(results.map(({ step, reason }) => [step, reason])).toEqual([
    [4, "done"],
    [4, "done"],
  ]);
});

test("text is shared whole", async () => {
  const texts = await Promise.all(groupOf(3).map((group) => shareText(group, `{"rank":${group.rank}}`)));
  expect(texts).toEqual(['{"rank":0}', '{"rank":0}', '{"rank":0}']);
});

test("training in a group leaks nothing", async () => {
  const tasks = groupOf(2).map((group) => ({ group, task: createTinyTask() }));
  await expectNoTensorLeak(async () => {
    // The trained parameters stand for those that the run takes over.
    await Promise.all(
      tasks.map(({ group, task }) =>
        runTraining(task, tinyDataset(6), tinyOptions(folder, { batchSize: 1, steps: 2, group })),
      ),
    );
  });
});
