import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { samplerByName, samplerNameOf, samplers } from "./sampler-table.js";
import { createSchedule } from "./schedule.js";
import {
  planFromConfig,
  readSchedulerConfig,
  type SchedulerJson,
  schedulerClassNames,
  stableDiffusionConfig,
  switchSampler,
  writeSchedulerConfig,
} from "./scheduler-config.js";

const switches = JSON.parse(readFileSync(new URL("../fixtures/switches.json", import.meta.url), "utf8")) as {
  source: SchedulerJson;
  name: string;
  full: SchedulerJson;
}[];

describe("readSchedulerConfig", () => {
  it.each(switches)(
    "means what diffusers makes of $source._class_name as $name",
    ({ source, name, full }) => {
      const { json, ignored, ...switched } = switchSampler(readSchedulerConfig(source), name);
      const { json: _, ignored: __, ...expected } = readSchedulerConfig(full);
      expect(switched).toEqual(expected);
    },
  );

  it("knows every key that diffusers writes", () => {
    for (const { name, full, source } of switches.filter(({ source }) => Object.keys(source).length === 1)) {
      const { ignored } = readSchedulerConfig(full);
      expect(ignored, `${name} from ${String(source._class_name)}`).toEqual([]);
    }
    expect(new Set(switches.map(({ name }) => name))).toEqual(new Set(schedulerClassNames));
  });

  it("reads and writes the infinities that Python puts into JSON", () => {
    const text =
      '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "steps_offset": 1}';
    const config = readSchedulerConfig(text);
    expect(config.options.lambdaMinClipped).toBe(Number.NEGATIVE_INFINITY);
    expect(writeSchedulerConfig(config)).toContain('"lambda_min_clipped": -Infinity');
    expect(readSchedulerConfig(writeSchedulerConfig(config))).toEqual(config);
  });

  it.each([
    ["linear", 0.0001, 0.012, 999],
    ["linear", 0.0001, 0.02, 999],
    ["scaled_linear", 0.0001, 0.02, 999],
    ["linear", 0.00085, 0.012, 998],
    ["scaled_linear", 0.00085, 0.012, 998],
    ["scaled_linear", 0.00085, 0.02, 998],
    ["linear", 0.001, 0.012, 998],
    ["scaled_linear", 0.001, 0.02, 999],
    ["squaredcos_cap_v2", 0.0001, 0.02, 998],
  ])(
    "begins %s betas from %d to %d at diffusers' timestep %d",
    (beta_schedule, beta_start, beta_end, first) => {
      const _class_name = "DPMSolverMultistepScheduler";
      const json = { _class_name, beta_schedule, beta_start, beta_end, use_beta_sigmas: true };
      expect(planFromConfig(readSchedulerConfig(json), { steps: 4 }).timesteps[0]).toBe(first);
    },
  );

  it("cuts timesteps in between where diffusers does, and begins uniform lambdas as it does", () => {
    const deis = {
      _class_name: "DEISMultistepScheduler",
      beta_schedule: "scaled_linear",
      beta_start: 0.001112,
    };
    const config = { ...deis, beta_end: 0.014, num_train_timesteps: 1200, use_exponential_sigmas: true };
    expect(planFromConfig(readSchedulerConfig(config), { steps: 15 }).timesteps[7]).toBe(398);
    const dpm = { _class_name: "DPMSolverMultistepScheduler", beta_schedule: "squaredcos_cap_v2" };
    const lambdas = readSchedulerConfig({ ...dpm, use_lu_lambdas: true });
    expect(planFromConfig(lambdas, { steps: 1 }).timesteps).toEqual([999]);
  });

  it("begins where a rescaled schedule passes its last sigma", () => {
    const json = {
      _class_name: "UniPCMultistepScheduler",
      rescale_betas_zero_snr: true,
      use_beta_sigmas: true,
    };
    const config = readSchedulerConfig({ ...json, prediction_type: "v_prediction" });
    expect(planFromConfig(config, { steps: 3 }).timesteps).toEqual([995, 991, 0]);
  });

  it("lets be what a class has and does not heed, and refuses learned variances by name", () => {
    for (const _class_name of ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"]) {
      expect(readSchedulerConfig({ _class_name, variance_type: "fixed_small" }).ignored).toEqual([]);
      expect(() => readSchedulerConfig({ _class_name, variance_type: "learned_range" })).toThrow(
        /variance_type/,
      );
    }
  });

  it("names the keys that it leaves out", () => {
    expect(stableDiffusionConfig().ignored).toEqual(["clip_sample"]);
    expect(stableDiffusionConfig().sampler).toBe("plms");
  });

  it.each([
    [{ _class_name: "EulerDiscretScheduler" }, 'did you mean "EulerDiscreteScheduler"'],
    [{ beta_start: 1 }, "_class_name"],
    ["{", "not valid JSON"],
    ["[]", "JSON object"],
    [{ _class_name: "DDIMScheduler", beta_schedule: "quadratic" }, "squaredcos_cap_v2"],
    [{ _class_name: "DDIMScheduler", steps_offset: "1" }, "steps_offset: expected a number"],
    [{ _class_name: "UniPCMultistepScheduler", use_flow_sigmas: true }, "flow-matching"],
    [
      { _class_name: "EulerDiscreteScheduler", use_karras_sigmas: true, use_beta_sigmas: true },
      "only one of use_karras_sigmas, use_beta_sigmas",
    ],
  ])("refuses %j", (source, message) => {
    expect(() => readSchedulerConfig(source as SchedulerJson)).toThrow(message);
  });
});

describe("switchSampler", () => {
  it("keeps the schedule and takes the new sampler's defaults", () => {
    const config = switchSampler(stableDiffusionConfig(), "DPM++ 2M SDE");
    expect(config.sampler).toBe("dpmpp-2m-sde");
    expect(config.schedule).toEqual(stableDiffusionConfig().schedule);
    expect(config.options.spacing).toBe("linspace");
    expect(planFromConfig(config, { steps: 20, sigmas: "karras" }).timesteps[0]).toBe(999);
  });

  it("reaches every sampler from every other", () => {
    for (const from of Object.keys(samplers))
      for (const to of Object.keys(samplers))
        expect(switchSampler(switchSampler(stableDiffusionConfig(), from), to).sampler).toBe(to);
  });
});

describe("samplerByName", () => {
  it("knows the spellings in use", () => {
    expect(["Euler a", "DPM++ 2M", "dpm++ sde", "UniPC", "LMS", "dpm2_a", "PLMS"].map(samplerNameOf)).toEqual(
      ["euler-ancestral", "dpmpp-2m", "dpmpp-sde", "unipc", "lms", "dpm2-ancestral", "plms"],
    );
  });

  it("offers the nearest name", () => {
    expect(() => samplerByName("eulr")).toThrow('did you mean "euler"');
    expect(() => samplerByName("toString")).toThrow("unknown name");
  });

  it("refuses options that a sampler cannot honour", () => {
    const schedule = createSchedule();
    expect(() => samplerByName("ddim")(schedule, { steps: 10, eta: -1 })).toThrow("eta >= 0");
    expect(() => samplerByName("pndm")(schedule, { steps: 3 })).toThrow("at least 4 steps");
    expect(() => samplerByName("lcm")(schedule, { steps: 51 })).toThrow("1 to 50 steps");
    expect(() => samplerByName("tcd")(schedule, { steps: 4, eta: 2 })).toThrow("[0, 1]");
    expect(() => samplerByName("dpmpp-2m")(schedule, { steps: 4, algorithm: "dpmsolver" })).toThrow(
      "sigma-min",
    );
    expect(() => samplerByName("euler")(schedule, { steps: 4, eta: 1 })).toThrow('no option "eta"');
    expect(() => samplerByName("lms")(schedule, { steps: 4, ordr: 1 })).toThrow('did you mean "order"');
    expect(() => samplerByName("euler")(schedule, { steps: 4, sigmas: "karas" })).toThrow(
      'expected one of "karras"|"exponential"|"beta"|"lu", got "karas"; did you mean "karras"?',
    );
  });
});
