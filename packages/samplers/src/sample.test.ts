import { expectClose, expectNoTensorLeak, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { add, concat, dispose, mul, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { addNoise } from "./add-noise.js";
import { combine } from "./combine.js";
import { ddim } from "./ddim.js";
import { defineSampler } from "./define-sampler.js";
import { euler } from "./euler.js";
import { evaluate } from "./evaluate.js";
import { initialNoise, noiseSource } from "./noise-source.js";
import { oneCallPerStep, type Plan, type Sampler } from "./plan.js";
import { disposeState, type RunOptions, type SamplerState, sample, startLevel } from "./sample.js";
import { type SamplerName, samplerByName, samplers } from "./sampler-table.js";
import { createSchedule, type NoiseLevel } from "./schedule.js";
import { sigmaGrid } from "./sigma-grid.js";
import { fixtureModel, fixtureNoise } from "./testing/diffusers-runs.js";

beforeAll(useCpuBackend);

const schedule = createSchedule();
const names = Object.keys(samplers) as SamplerName[];
const planOf = (name: SamplerName, steps = 8): Plan => samplerByName(name)(schedule, { steps });
const noiseOf = (step: number) => fixtureNoise(step);

describe.each(names)("%s", (name) => {
  it("goes on from a saved state to the same bits", () =>
    expectNoTensorLeak(async () => {
      const start = fixtureNoise(-1);
      const plan = planOf(name);
      let state: SamplerState | undefined;
      const whole = await sample(fixtureModel, start, plan, {
        noise: noiseOf,
        onStep: (info) => {
          if (info.step === 3) state = info.state();
        },
      });
      const resumed = await sample(fixtureModel, start, plan, { noise: noiseOf, resume: state! });
      expect([...resumed.dataSync()]).toEqual([...whole.dataSync()]);
      disposeState(state!);
      dispose([start, whole, resumed]);
    }));

  it("gives a picture that does not depend on its batch", () =>
    expectNoTensorLeak(async () => {
      const run = async (indices: number[]) => {
        const keys = { seed: 7, indices, shape: [2, 2, 2] as const };
        const start = initialNoise(keys);
        const end = await sample(fixtureModel, start, planOf(name), { noise: noiseSource(keys) });
        start.dispose();
        return end;
      };
      const [five, nine, both] = [await run([5]), await run([9]), await run([5, 9])];
      const joined = concat([five, nine]);
      expect([...both.dataSync()]).toEqual([...joined.dataSync()]);
      expect([...five.dataSync()]).not.toEqual([...nine.dataSync()]);
      dispose([five, nine, both, joined]);
    }));

  // Begun in the middle, lms leaves out what falls to slopes that it never had, as in diffusers: some noise stays.
  it.runIf(name !== "lms")("finds a clean latent from a part of the way, knowing its noise", () =>
    expectNoTensorLeak(async () => {
      // A perfect model of one picture: whatever the sampler, it must end there.
      const clean = tensor4d([0.5, -1, 2, 0.25, 1, -0.5, 0, 1.5], [1, 2, 2, 2]);
      const plan = planOf(name, 10);
      const level = startLevel(plan, 4);
      const noise = fixtureNoise(3);
      const latent = tidy(() => add(mul(clean, level.alpha), mul(noise, level.sigma)) as Tensor4D);
      const perfect = createSchedule({ prediction: "sample" });
      const end = await sample(
        () => mul(clean, 1) as Tensor4D,
        latent,
        samplerByName(name)(perfect, { steps: 10 }),
        {
          noise: noiseOf,
          startStep: 4,
        },
      );
      const last = plan.levels.at(-1)!;
      expectClose(end, clean, 3 * last.sigma + 1e-5 + (name === "tcd" || name === "lcm" ? 0.06 : 0));
      dispose([clean, noise, latent, end]);
    }),
  );

  it("names the step at which a latent is no longer finite, and leaks nothing", () =>
    expectNoTensorLeak(async () => {
      const start = fixtureNoise(-1);
      const plan = planOf(name);
      const broken = (x: Tensor4D, t: number, call: number) =>
        call < plan.calls[2]! ? fixtureModel(x, t, call) : (mul(x, Number.NaN) as Tensor4D);
      await expect(sample(broken, start, plan, { noise: noiseOf })).rejects.toThrow(
        new RegExp(`after step 3 of ${plan.steps} of "${plan.name}"`),
      );
      start.dispose();
    }));
});

describe("sample", () => {
  it("stops at an abort, between model calls", () =>
    expectNoTensorLeak(async () => {
      const start = fixtureNoise(-1);
      const stop = new AbortController();
      let calls = 0;
      const model = (x: Tensor4D, t: number, call: number) => {
        if (++calls === 3) stop.abort();
        return fixtureModel(x, t, call);
      };
      await expect(sample(model, start, planOf("heun"), { signal: stop.signal })).rejects.toMatchObject({
        code: "aborted",
      });
      expect(calls).toBe(3);
      start.dispose();
    }));

  it("passes on a model's own error and leaks nothing", () =>
    expectNoTensorLeak(async () => {
      const start = fixtureNoise(-1);
      const model = (x: Tensor4D, t: number, call: number) => {
        if (call === 5) throw new Error("out of memory");
        return fixtureModel(x, t, call);
      };
      await expect(sample(model, start, planOf("dpmpp-2m"), {})).rejects.toThrow("out of memory");
      start.dispose();
    }));

  it("wants noise for a stochastic sampler", async () => {
    const start = fixtureNoise(-1);
    const plan = ddim(schedule, { steps: 4, eta: 1 });
    await expect(sample(fixtureModel, start, plan)).rejects.toThrow("noiseSource");
    start.dispose();
  });

  it("asks the model about latents of unit variance, and tells of every step", () =>
    expectNoTensorLeak(async () => {
      const keys = { seed: 1, indices: [0], shape: [16, 16, 4] as const };
      const start = initialNoise(keys);
      const seen: number[] = [];
      const steps: number[] = [];
      const end = await sample(
        (x, t) => {
          if (seen.length === 0) expect(Math.hypot(...x.dataSync()) / 32).toBeCloseTo(1, 1);
          seen.push(t);
          return mul(x, 0.5) as Tensor4D;
        },
        start,
        planOf("euler", 5),
        {
          onStep: (info) => {
            expect(Math.hypot(info.level.alpha, info.level.sigma)).toBeCloseTo(1, 12);
            expect(info.predictedClean.shape).toEqual(start.shape);
            steps.push(info.step);
          },
        },
      );
      expect(seen).toEqual(planOf("euler", 5).timesteps);
      expect(steps).toEqual([0, 1, 2, 3, 4]);
      dispose([start, end]);
    }));

  it.each([
    ["heun", [1, 1, 2, 2]],
    ["plms", [1, 2, 3]],
  ] as const)("has the latent repaired after each model call of %s, and keeps it in a state", (name, noisy) =>
    expectNoTensorLeak(async () => {
      const start = fixtureNoise(-1);
      const known = tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2]);
      const plan = planOf(name, 3);
      const seen: NoiseLevel[] = [];
      let state: SamplerState | undefined;
      const options: RunOptions = {
        repair: (_, level) => {
          seen.push(level);
          return tidy(() => mul(known, level.alpha) as Tensor4D);
        },
        onStep: (info) => {
          if (info.step === 0) state = info.state();
        },
      };
      const end = await sample(fixtureModel, start, plan, options);
      expect(seen).toEqual([...noisy.map((step) => plan.levels[step]), { alpha: 1, sigma: 0 }]);
      expectClose(end, known, 1e-6);
      const first = [...known.dataSync()].map((value) => value * plan.levels[1]!.alpha);
      expectClose(state!.latent, first, 1e-6);
      dispose([start, known, end]);
      disposeState(state!);
    }),
  );

  it("adds the noise of image-to-image as training does", () => {
    const plan = planOf("ddim", 10);
    const clean = fixtureNoise(0);
    const noise = fixtureNoise(1);
    const level = startLevel(plan, 3);
    const noisy = addNoise(schedule, clean, noise, [plan.timesteps[3]!]);
    const same = tidy(() => add(mul(clean, level.alpha), mul(noise, level.sigma)));
    expectClose(noisy, same, 1e-6);
    dispose([clean, noise, noisy, same]);
  });

  it("refuses epsilon-prediction where no signal is left", async () => {
    const start = fixtureNoise(-1);
    const zero = createSchedule({ rescaleZeroTerminalSnr: true });
    const plan = ddim(zero, { steps: 4, spacing: "trailing" });
    await expect(sample(fixtureModel, start, plan)).rejects.toThrow("v-prediction");
    start.dispose();
  });
});

describe("a sampler of one's own", () => {
  // Euler's method, written with what the package exports.
  const own: Sampler = (given, { steps }) => {
    const { sigmas, timesteps, initialScale } = sigmaGrid(given, { steps });
    const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
    return {
      name: "own",
      timesteps,
      steps,
      calls: oneCallPerStep(steps),
      levels,
      initialScale,
      stochastic: false,
      async step(context) {
        const { step, latent } = context;
        const { clean, epsilon } = await evaluate(context, given.prediction, latent, levels[step]!);
        return {
          predictedClean: clean,
          latent: combine([1, latent], ...epsilon(sigmas[step + 1]! - sigmas[step]!)),
        };
      },
    };
  };

  it("is run as those that are here", () =>
    expectNoTensorLeak(async () => {
      const start = fixtureNoise(-1);
      const [ours, mine] = [
        await sample(fixtureModel, start, planOf("euler")),
        await sample(fixtureModel, start, own(schedule, { steps: 8 })),
      ];
      expect([...mine.dataSync()]).toEqual([...ours.dataSync()]);
      dispose([start, ours, mine]);
    }));

  it("is told where its plan does not fit together, or draws noise that it did not announce", () =>
    expectNoTensorLeak(async () => {
      const start = fixtureNoise(-1);
      const plan = own(schedule, { steps: 8 });
      const short = { ...plan, levels: plan.levels.slice(1) };
      await expect(sample(fixtureModel, start, short)).rejects.toThrow(
        'plan "own" of 8 steps: expected 9 calls and levels and, as its last call says, 8 timesteps, got 9, 8 and 8',
      );
      const noisy: Plan = {
        ...plan,
        step: async ({ latent, noise }) => ({ latent: noise(), predictedClean: latent }),
      };
      await expect(sample(fixtureModel, start, noisy)).rejects.toThrow('"own" adds noise in its steps');
      start.dispose();
    }));
});

describe("samplerByName", () => {
  it.each([
    [
      "euler",
      { finalSigma: "sigma_min" },
      'finalSigma: expected one of "zero"|"sigma-min", got "sigma_min"; did you mean "sigma-min"?',
    ],
    ["unipc", { solver: "midpoint" }, 'solver: expected one of "bh1"|"bh2", got "midpoint"'],
    ["ddpm", { variance: "fixed_small" }, 'variance: expected one of "small"|"large", got "fixed_small"'],
    ["lms", { order: 0 }, "expected order 1, 2, 3 or 4, got 0"],
    ["euler", { eta: 1 }, 'no option "eta"'],
  ] as const)("refuses what %s does not have: %j", (name, options, message) => {
    expect(() => samplerByName(name)(schedule, { steps: 4, ...options })).toThrow(message);
  });

  it("tells a level for each step of a plan, and for no other", () => {
    expect(startLevel(planOf("ddim", 4), 4).alpha).toBeCloseTo(1, 3);
    expect(() => startLevel(planOf("ddim", 4), 5)).toThrow("a step in 0-4, got 5");
  });
});

describe("defineSampler", () => {
  const half = defineSampler({
    name: "half",
    description: "Euler's method over a half of the noise",
    options: z.object({ share: z.number().min(0).max(1).default(0.5) }),
    plan: (schedule, { steps, share }) => ({ ...euler(schedule, { steps }), initialScale: share }),
  });

  it("completes the options and names the plan", () => {
    expect(half(schedule, { steps: 4 })).toMatchObject({ name: "euler", initialScale: 0.5, steps: 4 });
    expect(half(schedule, { steps: 4, share: 0.25 }).initialScale).toBe(0.25);
    expect([half.name, half.aliases, Object.keys(half.options.shape)]).toEqual(["half", [], ["share"]]);
  });

  it("refuses what its schema does", () => {
    expect(() => half(schedule, { steps: 4, share: 2 })).toThrow('sampler "half": share: ');
    expect(() => half(schedule, { steps: 4, shares: 2 } as never)).toThrow('did you mean "share"?');
    expect(() => ddim(schedule, { steps: 4, eta: "much" } as never)).toThrow('got "much"');
    expect(() => defineSampler({ ...half, name: "Half", plan: half })).toThrow("kebab-case");
  });
});
