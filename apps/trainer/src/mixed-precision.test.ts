import { disposeTree, type Precision } from "@controlnet-js/core";
import { selectEngine } from "@controlnet-js/engine";
import { createTrainState, createTrainStep } from "@controlnet-js/training";
import {
  linspace,
  matMul,
  mean,
  mul,
  reshape,
  type Scalar,
  square,
  type Tensor,
  type Tensor2D,
  tidy,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";

beforeAll(async () => {
  await selectEngine({ engine: "tensorflow-cpu" });
});

const matrix = (rows: number, columns: number): Tensor2D =>
  tidy(() => reshape(linspace(-1, 1, rows * columns), [rows, columns]));

/** One step on a linear layer whose loss has the given size. */
async function step(precision: Precision, size: number, lossScale?: number) {
  const train = createTrainStep(
    (weight: Tensor, input: Tensor) => mul(mean(square(matMul(input, weight))), size) as Scalar,
    { precision },
  );
  const before = createTrainState<Tensor>(matrix(32, 16));
  const { state, report } = await train.run(before, [matrix(64, 32)], 0, 0.1, lossScale);
  const weights = [...state.params.dataSync()];
  disposeTree(state);
  train.dispose();
  return { ...report, weights };
}

const untouched = (): number[] => [...tidy(() => matrix(32, 16).dataSync())];

test.each(["bfloat16", "float16"] as const)(
  "%s gives float32's step to its own accuracy",
  async (precision) => {
    const exact = await step("float32", 1);
    const half = await step(precision, 1);
    expect(half.loss / exact.loss).toBeCloseTo(1, 1.5);
    expect(half.gradientNorm / exact.gradientNorm).toBeCloseTo(1, 1.5);
    expect(half.skipped).toBe(false);
  },
);

test("float16 loses small gradients; a scaled loss brings them back", async () => {
  const exact = await step("float32", 1e-8);
  expect((await step("float16", 1e-8)).gradientNorm / exact.gradientNorm).toBeLessThan(0.5);
  const scaled = await step("float16", 1e-8, 2 ** 16);
  expect(scaled.gradientNorm / exact.gradientNorm).toBeCloseTo(1, 1.5);
});

test("float16 overflows under too large a scale; then nothing is updated", async () => {
  const { skipped, gradientNorm, weights } = await step("float16", 1e5, 2 ** 16);
  expect(skipped).toBe(true);
  expect(Number.isFinite(gradientNorm)).toBe(false);
  expect(weights).toEqual(untouched());
});
