import { expect, test } from "vitest";
import { type ScheduleOptions, schedules } from "./learning-rate.js";

const rates = (name: keyof typeof schedules, change: ScheduleOptions = {}) =>
  Array.from({ length: 7 }, (_, step) =>
    schedules[name]({ warmUpSteps: 2, finalFraction: 0.2, ...change })(step, 6),
  );
const close = (values: number[], expected: number[]) =>
  values.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 12);
  });

test("warms up to the peak, then stays, falls on a line, or on a cosine, to the last part", () => {
  close(rates("constant"), [0.5, 1, 1, 1, 1, 1, 1]);
  close(rates("linear"), [0.5, 1, 1, 0.8, 0.6, 0.4, 0.2]);
  const half = Math.SQRT1_2;
  close(rates("cosine"), [0.5, 1, 1, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2]);
  close(rates("constant", { warmUpSteps: 0 }).slice(0, 1), [1]);
});

test("past the last step the rate stays where it ended", () => {
  expect(schedules.linear({ finalFraction: 0.1 })(100, 10)).toBeCloseTo(0.1, 12);
});
