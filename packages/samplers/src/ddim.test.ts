import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, describe, expect, it } from "vitest";
import { ddim } from "./ddim.js";
import { ddpm } from "./ddpm.js";
import { expectTrajectory, fixtureModel, fixtureNoise, readFixtures, titleOf } from "./diffusers-fixtures.js";
import { sample } from "./sample.js";
import { createSchedule, type ScheduleOptions } from "./schedule.js";
import type { Spacing } from "./timesteps.js";

beforeAll(useCpuBackend);
const kinds = { scaled_linear: "scaled-linear", linear: "linear", squaredcos_cap_v2: "cosine" } as const;
const predictions = { epsilon: "epsilon", v_prediction: "v", sample: "sample" } as const;
function scheduleOf(c: any) {
  return createSchedule({
    kind: kinds[c.beta_schedule as "linear"],
    betaStart: c.beta_start,
    betaEnd: c.beta_end,
    prediction: predictions[(c.prediction_type ?? "epsilon") as "epsilon"],
    rescaleZeroTerminalSnr: c.rescale_betas_zero_snr,
  });
}
for (const f of readFixtures("ddim"))
  for (const run of f.runs)
    it(`ddim ${titleOf(f)} ${run.steps}`, () =>
      expectNoTensorLeak(() =>
        expectTrajectory(
          ddim(scheduleOf(f.config), {
            steps: run.steps,
            eta: f.stepArgs.eta,
            spacing: f.config.timestep_spacing as Spacing,
            setAlphaToOne: f.config.set_alpha_to_one as boolean,
            clip: f.config.clip_sample ? (f.config.clip_sample_range as number) : undefined,
          }),
          run,
        ),
      ));
for (const f of readFixtures("ddpm"))
  for (const run of f.runs)
    it(`ddpm ${titleOf(f)} ${run.steps}`, () =>
      expectNoTensorLeak(() =>
        expectTrajectory(
          ddpm(scheduleOf(f.config), {
            steps: run.steps,
            spacing: f.config.timestep_spacing as Spacing,
            variance: f.config.variance_type === "fixed_large" ? "large" : "small",
            clip: f.config.clip_sample ? 1 : undefined,
          }),
          run,
        ),
      ));
