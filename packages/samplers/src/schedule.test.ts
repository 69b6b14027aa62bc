import { expectClose, useCpuBackend } from "@controlnet-js/vitest-preset/tensors";
import { dispose, tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { addNoise, noiseCoefficients, velocity } from "./add-noise.js";
import { createSchedule, levelOf } from "./schedule.js";
import { sigmaGrid } from "./sigma-grid.js";
import { spreadSigmas, timestepAt, trainingSigmas } from "./sigmas.js";
import { ldmTimesteps, roundHalfEven, timesteps } from "./timesteps.js";

beforeAll(useCpuBackend);

const schedule = createSchedule();

describe("createSchedule", () => {
  it("is Stable Diffusion's by default", () => {
    const bars = schedule.alphasCumprod;
    expect(bars[0]).toBeCloseTo(0.99915, 12);
    expect(bars[1]).toBeCloseTo(0.99829603, 8);
    expect(bars[500]).toBeCloseTo(0.27633268, 8);
    expect(bars[981]).toBeCloseTo(0.0057755, 8);
    expect(bars[999]).toBeCloseTo(0.0046601, 8);
    const sigmas = trainingSigmas(schedule);
    expect(sigmas[0]).toBeCloseTo(0.0291672, 7);
    expect(sigmas[999]).toBeCloseTo(14.6146416, 5);
  });

  it("has diffusers' sigmas and timesteps to their last digits in single precision", () => {
    const single = createSchedule({ singlePrecision: true });
    const { sigmas, timesteps: asked } = sigmaGrid(single, { steps: 4, sigmas: "karras" });
    // HeunDiscreteScheduler of diffusers 0.42.1, use_karras_sigmas, 4 steps.
    const wanted = [14.614646911621094, 3.1686110496520996, 0.44692090153694153, 0.02916753478348255, 0];
    wanted.forEach((sigma, i) => {
      expect(Math.abs(sigmas[i]! - sigma)).toBeLessThanOrEqual(1e-6 * sigma);
    });
    [999, 687.1532592773438, 145.93905639648438, 0].forEach((timestep, i) => {
      expect(asked[i]).toBeCloseTo(timestep, 4);
    });
    expect(createSchedule({ singlePrecision: true, rescaleZeroTerminalSnr: true }).alphasCumprod[999]).toBe(
      0,
    );
  });

  it("rescales to zero signal at the end and leaves the first timestep as it is", () => {
    const rescaled = createSchedule({ rescaleZeroTerminalSnr: true }).alphasCumprod;
    expect(rescaled[999]).toBe(0);
    expect(rescaled[0]).toBeCloseTo(schedule.alphasCumprod[0]!, 12);
  });

  it("takes betas as they are and refuses bad ones", () => {
    expect([...createSchedule({ betas: [0.5, 0.5] }).alphasCumprod]).toEqual([0.5, 0.25]);
    expect(() => createSchedule({ betas: [0.1, 1] })).toThrow("got 1 at timestep 1");
    expect(() => createSchedule({ trainTimesteps: 0 })).toThrow("trainTimesteps >= 1");
  });
});

describe("timesteps", () => {
  it("are Stable Diffusion's for 20 leading steps", () => {
    expect(timesteps(schedule, 20).slice(0, 2)).toEqual([951, 901]);
    expect(timesteps(schedule, 20).at(-1)).toBe(1);
    expect(timesteps(schedule, 20)).toEqual(ldmTimesteps(schedule, 20));
  });

  it("are exactly as many as asked for, and 31 by the original code", () => {
    expect(timesteps(schedule, 30)).toHaveLength(30);
    expect(ldmTimesteps(schedule, 30)).toHaveLength(31);
  });

  it("begin at the end when trailing", () => {
    expect(timesteps(schedule, 4, "trailing")).toEqual([999, 749, 499, 249]);
    expect(timesteps(schedule, 3, "linspace")).toEqual([999, 500, 0]);
  });

  it("round halves to even as numpy does", () => {
    expect([0.5, 1.5, 2.5, 2.4, -0.5, -1.5].map((x) => roundHalfEven(x) + 0)).toEqual([0, 2, 2, 2, 0, -2]);
  });

  it("refuse what the schedule does not have", () => {
    expect(() => timesteps(schedule, 0)).toThrow("1 to 1000 steps, got 0");
    expect(() => timesteps(schedule, 2.5)).toThrow("got 2.5");
    expect(() => timesteps(schedule, 1000)).toThrow("stepsOffset 0");
  });
});

describe("spreadSigmas", () => {
  it("goes from the highest to the lowest by every rule", () => {
    for (const spread of ["karras", "exponential", "beta", "lu"] as const) {
      const sigmas = spreadSigmas(spread, 14.6, 0.03, 9);
      expect(sigmas[0]).toBeCloseTo(14.6, 9);
      expect(sigmas[8]).toBeCloseTo(0.03, 9);
      for (let i = 1; i < 9; i++) expect(sigmas[i]!).toBeLessThan(sigmas[i - 1]!);
    }
  });

  it("has timesteps that lead back to the sigmas of training", () => {
    const sigmas = trainingSigmas(schedule);
    for (const t of [0, 1, 500, 998, 999]) expect(timestepAt(sigmas, sigmas[t]!)).toBeCloseTo(t, 9);
    expect(timestepAt(sigmas, 1e9)).toBe(999);
  });
});

describe("addNoise", () => {
  it("mixes each sample at its own timestep", () => {
    const clean = tensor([1, 2, 3, 4], [2, 2]);
    const noise = tensor([10, 20, 30, 40], [2, 2]);
    const noisy = addNoise(schedule, clean, noise, [0, 500]);
    const target = velocity(schedule, clean, noise, [0, 500]);
    const [a, b] = [levelOf(schedule.alphasCumprod[0]!), levelOf(schedule.alphasCumprod[500]!)];
    const mixed = [
      a.alpha + 10 * a.sigma,
      2 * a.alpha + 20 * a.sigma,
      3 * b.alpha + 30 * b.sigma,
      4 * b.alpha + 40 * b.sigma,
    ];
    expectClose(noisy, mixed, 1e-6);
    expectClose(
      target,
      [
        10 * a.alpha - a.sigma,
        20 * a.alpha - 2 * a.sigma,
        30 * b.alpha - 3 * b.sigma,
        40 * b.alpha - 4 * b.sigma,
      ],
      1e-6,
    );
    expect(noiseCoefficients(schedule, [500]).alpha[0]).toBe(Math.fround(b.alpha));
    expect(() => addNoise(schedule, clean, noise, [0])).toThrow("one timestep for each of 2 samples, got 1");
    expect(() => addNoise(schedule, clean, noise, [0, 1000])).toThrow("[0, 999], got 1000");
    dispose([clean, noise, noisy, target]);
  });
});
