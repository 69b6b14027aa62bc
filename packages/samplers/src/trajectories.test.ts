import { expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { beforeAll, describe, expect, it } from "vitest";
import { type SamplerName, samplers } from "./sampler-table.js";
import { planFromConfig, readSchedulerConfig, writeSchedulerConfig } from "./scheduler-config.js";
import { expectTrajectory, readFixtures, titleOf } from "./testing/diffusers-runs.js";

beforeAll(useCpuBackend);

describe.each(Object.keys(samplers) as SamplerName[])(
  "%s goes where the diffusers scheduler goes",
  (name) => {
    for (const fixture of readFixtures(name)) {
      const config = readSchedulerConfig(fixture.config);
      it(titleOf(fixture), async () => {
        expect(config.sampler).toBe(name);
        expect(readSchedulerConfig(writeSchedulerConfig(config))).toEqual(config);
        for (const run of fixture.runs)
          await expectNoTensorLeak(() =>
            expectTrajectory(planFromConfig(config, { steps: run.steps, ...fixture.stepArgs }), run),
          );
      });
    }
  },
);
