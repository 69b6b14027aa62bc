import { expect, test } from "vitest";
import { type LearningRate, learningRateAt } from "./learning-rate.js";

const rates = (change: Partial<LearningRate>) =>
  Array.from({ length: 7 }, (_, step) =>
    learningRateAt({ peak: 1, warmUpSteps: 2, schedule: "constant", finalFraction: 0.2, ...change }, step, 6),
  );
const close = (values: number[], expected: number[]) =>
  values.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 12);
  });

test("warms up to the peak, then stays, falls on a line, or on a cosine, to the last part", () => {
  close(rates({}), [0.5, 1, 1, 1, 1, 1, 1]);
  close(rates({ schedule: "linear" }), [0.5, 1, 1, 0.8, 0.6, 0.4, 0.2]);
  const half = Math.SQRT1_2;
  close(rates({ schedule: "cosine" }), [0.5, 1, 1, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2]);
  close(rates({ warmUpSteps: 0 }).slice(0, 1), [1]);
});

test("past the last step the rate stays where it ended", () => {
  const rate: LearningRate = { peak: 1, warmUpSteps: 0, schedule: "linear", finalFraction: 0.1 };
  expect(learningRateAt(rate, 100, 10)).toBeCloseTo(0.1, 12);
});
