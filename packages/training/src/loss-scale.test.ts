import { disposeTree } from "@controlnet-js/core";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { mul, type Scalar, sum, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { initialLossScale, nextLossScale } from "./loss-scale.js";
import { createTrainState, createTrainStep } from "./train-step.js";

beforeAll(useCpuBackend);

test("the scale halves after an overflow and doubles after 2,000 steps without one", () => {
  expect(nextLossScale(initialLossScale, true)).toEqual({ scale: 2 ** 15, stable: 0, skipped: 1 });
  let scale = { scale: 2 ** 15, stable: 0, skipped: 1 };
  for (let i = 0; i < 1999; i++) scale = nextLossScale(scale, false)!;
  expect(scale).toEqual({ scale: 2 ** 15, stable: 1999, skipped: 1 });
  expect(nextLossScale(scale, false)).toEqual({ scale: 2 ** 16, stable: 0, skipped: 1 });
});

test("gradients that overflow unscaled are nobody's scale's fault", () => {
  expect(nextLossScale({ scale: 2, stable: 5, skipped: 0 }, true)!.scale).toBe(1);
  expect(nextLossScale({ scale: 1, stable: 0, skipped: 1 }, true)).toBeUndefined();
});

test("a step whose gradients overflow leaves the state as it was; the next one, scaled less, updates", async () => {
  // Gradients of 1e15: their squares overflow float32 under a scale of 65,536, not under one of 1,024.
  const step = createTrainStep(
    (params: Tensor, batch: Tensor) => sum(mul(mul(params, batch), 1e15)) as Scalar,
  );
  const before = createTrainState<Tensor>(tensor1d([1, -2]));
  const skipped = await step.run(before, [tensor1d([1, 1])], 0, 0.1, 2 ** 16);
  expect(skipped.report).toMatchObject({ skipped: true, gradientNorm: Number.POSITIVE_INFINITY });
  expect(skipped.report.loss / -1e15).toBeCloseTo(1, 5);
  expect([...skipped.state.params.dataSync()]).toEqual([1, -2]);
  expect([...skipped.state.slots.firstMoment!.dataSync()]).toEqual([0, 0]);
  expect([...skipped.state.slots.secondMoment!.dataSync()]).toEqual([0, 0]);
  const { state, report } = await step.run(skipped.state, [tensor1d([1, 1])], 0, 0.1, 2 ** 10);
  expect(report.skipped).toBe(false);
  expect(report.gradientNorm / 1e15).toBeCloseTo(Math.SQRT2, 5);
  // Adam's first step is the learning rate, whatever the gradients' size; then weight decay.
  expect(state.params.dataSync()[0]).toBeCloseTo(1 * (1 - 0.1 * 0.01) - 0.1, 5);
  disposeTree(state);
  step.dispose();
});
