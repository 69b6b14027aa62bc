import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeTree } from "@controlnet-js/core";
import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { add, mul, type Scalar, sum, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { constantRate } from "./learning-rate.js";
import { adamW } from "./optimizer.js";
import { runTraining } from "./run-training.js";
import { tinyDataset, tinyOptions } from "./testing/tiny-task.js";
import { createTrainState, createTrainStep, type UpdateOptions } from "./train-step.js";

beforeAll(useCpuBackend);
const folder = mkdtempSync(join(tmpdir(), "train-step-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Two leaves, so that a norm over all differs from one leaf's. The loss is linear: its gradient is the batch. */
interface Pair<T = Tensor> {
  a: T;
  b: T;
}
const start: Pair<number[]> = { a: [1, -2], b: [0.5] };
const pair = ({ a, b }: Pair<number[]>): Pair => ({ a: tensor1d(a), b: tensor1d(b) });
const linear = (params: Pair, batch: Pair): Scalar =>
  add(sum(mul(params.a, batch.a)), sum(mul(params.b, batch.b))) as Scalar;
const flat = ({ a, b }: Pair): number[] => [...a.dataSync(), ...b.dataSync()];

/** Gradients of global norm 5, 0.3 and 13: over, under and far over a bound of 1. */
const gradients: Pair<number[]>[] = [
  { a: [3, 0], b: [4] },
  { a: [0.1, -0.2], b: [0.2] },
  { a: [-12, 4], b: [3] },
];
const rate = 0.05;

/** AdamW, clipping and moving average in plain numbers, as PyTorch computes them. */
function expected({ clipNorm = 1, emaDecay = 0 }: UpdateOptions) {
  const { beta1, beta2, epsilon, weightDecay } = {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 1e-2,
  };
  let params = [...start.a, ...start.b];
  let [first, second, ema] = [params.map(() => 0), params.map(() => 0), [...params]];
  return gradients.map(({ a, b }, step) => {
    const raw = [...a, ...b];
    const norm = Math.hypot(...raw);
    const clipped = raw.map((g) => g * Math.min(1, clipNorm / (norm + 1e-6)));
    first = first.map((m, i) => beta1 * m + (1 - beta1) * clipped[i]!);
    second = second.map((v, i) => beta2 * v + (1 - beta2) * clipped[i]! ** 2);
    params = params.map((p, i) => {
      const [m, v] = [first[i]! / (1 - beta1 ** (step + 1)), second[i]! / (1 - beta2 ** (step + 1))];
      return p * (1 - rate * weightDecay) - (rate * m) / (Math.sqrt(v) + epsilon);
    });
    ema = ema.map((average, i) => emaDecay * average + (1 - emaDecay) * params[i]!);
    return { norm, params, first, second, ema };
  });
}

/** The ways through a step: at once, accumulated over batches of which one alone would clip otherwise, and scaled. */
const ways: Record<string, { split(gradient: number[]): number[][]; scale?: number }> = {
  "one batch": { split: (gradient) => [gradient] },
  "two batches": { split: (gradient) => [gradient.map((g) => 3 * g), gradient.map((g) => -g)] },
  "a scaled loss": { split: (gradient) => [gradient], scale: 1024 },
};

describe("a training step", () => {
  const settings = { optimizer: adamW(), emaDecay: 0.9 };
  const cases = Object.keys(ways).flatMap((way) =>
    [1, 0.1, 6, Number.POSITIVE_INFINITY].map((clipNorm) => [way, clipNorm] as const),
  );
  test.each(cases)("clips, updates and averages to the right values: %s, norm %d", async (way, clipNorm) => {
    await expectNoTensorLeak(async () => {
      const { split, scale } = ways[way]!;
      const step = createTrainStep(linear, { ...settings, clipNorm });
      let state = createTrainState(pair(start), settings);
      expect(flat(state.ema!)).toEqual(flat(state.params));
      for (const [i, wanted] of expected({ ...settings, clipNorm }).entries()) {
        const [as, bs] = [split(gradients[i]!.a), split(gradients[i]!.b)];
        const batches = as.map((a, j) => pair({ a, b: bs[j]! }));
        const result = await step.run(state, batches, i, rate, scale);
        state = result.state;
        // The norm is reported as it was before clipping.
        expect(result.report.gradientNorm).toBeCloseTo(wanted.norm, 4);
        expectClose(flat(state.slots.firstMoment!), wanted.first, 1e-6);
        expectClose(flat(state.slots.secondMoment!), wanted.second, 1e-5);
        expectClose(flat(state.params), wanted.params, 1e-5);
        expectClose(flat(state.ema!), wanted.ema, 1e-5);
      }
      disposeTree(state);
      step.dispose();
    });
  });

  test("that is skipped for its overflow leaves the average as it was", async () => {
    const step = createTrainStep(linear, settings);
    const state = createTrainState(pair(start), settings);
    const batch = pair({ a: [1e30, 0], b: [0] });
    const { state: after, report } = await step.run(state, [batch], 0, rate, 2 ** 16);
    expect(report.skipped).toBe(true);
    expect(flat(after.ema!)).toEqual([...start.a, ...start.b]);
    disposeTree(after);
    step.dispose();
  });
});

test("what is validated and published is the moving average, not the parameters", async () => {
  const seen: Record<string, number[]> = {};
  let steps = 0;
  const task = {
    name: "linear",
    params: pair(start),
    loss: linear,
    batch: async () => pair(gradients[steps++]!),
    validate: async (params: Pair, step: number) => {
      seen[`validated at ${step}`] = flat(params);
      return {};
    },
    publish: async (params: Pair, _folder: string, step: number) => {
      seen[`published at ${step}`] = flat(params);
    },
  };
  const { params } = await runTraining(
    task,
    tinyDataset(3),
    tinyOptions(join(folder, "run"), {
      steps: 3,
      learningRate: rate,
      schedule: constantRate(),
      emaDecay: 0.9,
      validateEvery: 1,
      saveEvery: 0,
    }),
  );
  const wanted = expected({ emaDecay: 0.9 });
  wanted.forEach(({ ema }, i) => {
    expectClose(seen[`validated at ${i + 1}`]!, ema, 1e-5);
  });
  expectClose(seen["published at 3"]!, wanted[2]!.ema, 1e-5);
  expectClose(flat(params), wanted[2]!.ema, 1e-5);
  expect(Math.abs(wanted[2]!.ema[0]! - wanted[2]!.params[0]!)).toBeGreaterThan(0.01);
  disposeTree(params);
});
