import { readFileSync } from "node:fs";
import { useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, expect, it } from "vitest";
import { ddim } from "./ddim.js";
import { euler } from "./euler.js";
import { createSchedule } from "./schedule.js";
import { expectTrajectory, type Fixture } from "./testing/diffusers-runs.js";

beforeAll(useCpuBackend);

type Run = Fixture["runs"][number] & { rule: string };
const runs = JSON.parse(
  readFileSync(new URL("../fixtures/equations.json", import.meta.url), "utf8"),
) as Run[];
const schedule = createSchedule();

it.each(runs.filter(({ rule }) => rule === "ldm"))(
  "DDIM by the original code's rule, $steps steps",
  async (run) => {
    await expectTrajectory(ddim(schedule, { steps: run.steps, rule: "ldm", eta: 0.5 }), run);
    expect(run.timesteps.length).toBe(run.steps === 30 ? 31 : run.steps);
  },
);

it.each(runs.filter(({ rule }) => rule === "k-diffusion"))(
  "Euler on the sigmas of k-diffusion, $steps steps",
  (run) => expectTrajectory(euler(schedule, { steps: run.steps, interpolation: "log" }), run),
);
