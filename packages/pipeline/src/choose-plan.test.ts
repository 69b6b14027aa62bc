import { createSchedule, readSchedulerConfig, samplers } from "@controlnet-js/samplers";
import { expect, test } from "vitest";
import { choosePlan } from "./choose-plan.js";

const scheduler = readSchedulerConfig({
  _class_name: "DDIMScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
});
const model = { scheduler, schedule: createSchedule(scheduler.schedule) };

test("a name changes the steps alone; the noise schedule stays the model's", () => {
  const { plan, schedule } = choosePlan(model, { sampler: "Euler a", steps: 3 });
  expect(plan.name).toBe("euler-ancestral");
  expect(schedule).toBe(model.schedule);
});

test("a scheduler_config.json brings its betas, its prediction and its spacing", () => {
  const sampler = readSchedulerConfig({
    _class_name: "EulerDiscreteScheduler",
    beta_schedule: "linear",
    num_train_timesteps: 500,
    prediction_type: "v_prediction",
    timestep_spacing: "trailing",
  });
  const { plan, schedule } = choosePlan(model, { sampler, steps: 5 });
  expect(plan.timesteps).toEqual([499, 399, 299, 199, 99]);
  expect(schedule).toEqual(
    createSchedule({
      kind: "linear",
      betaStart: 1e-4,
      betaEnd: 0.02,
      trainTimesteps: 500,
      prediction: "v",
      singlePrecision: true,
    }),
  );
  const { alpha, sigma } = plan.levels[0]!;
  // What Euler begins with is the last of its own 500 levels, not one of the model's 1000.
  expect((sigma / alpha) ** 2).toBeCloseTo(1 / schedule.alphasCumprod[499]! - 1, 4);
});

test("TCD is deterministic unless eta says otherwise, as in diffusers' pipelines", () => {
  expect(choosePlan(model, { sampler: "tcd", steps: 4 }).plan.stochastic).toBe(false);
  expect(choosePlan(model, { sampler: "tcd", steps: 4, eta: 0.3 }).plan.stochastic).toBe(true);
  expect(choosePlan(model, { sampler: "tcd", steps: 4, samplerOptions: { eta: 1 } }).plan.stochastic).toBe(
    true,
  );
});

test("a function lays out a plan of its own on the model's noise schedule", () => {
  const own = (schedule: typeof model.schedule, options: { steps: number; spread?: "karras" }) => ({
    ...samplers.euler(schedule, { steps: options.steps, ...(options.spread && { sigmas: options.spread }) }),
    name: "own",
  });
  const { plan, schedule, asked } = choosePlan(model, {
    sampler: own,
    steps: 7,
    samplerOptions: { spread: "karras" },
  });
  expect(plan.name).toBe("own");
  expect([schedule, asked]).toEqual([model.schedule, 7]);
  expect(plan.levels).toEqual(samplers.euler(model.schedule, { steps: 7, sigmas: "karras" }).levels);
  // Those that are here are such functions, too.
  expect(choosePlan(model, { sampler: samplers.euler, steps: 3 }).plan.name).toBe("euler");
});

test("what is no sampler is refused, and so is what gives no plan", () => {
  for (const sampler of [5, null])
    expect(() => choosePlan(model, { sampler: sampler as never })).toThrow(`or a function, got ${sampler}`);
  for (const given of [undefined, {}])
    expect(() => choosePlan(model, { sampler: () => given as never })).toThrow("to return a plan");
});
