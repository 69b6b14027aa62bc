import { readFileSync } from "node:fs";
import { add, mul, sin, type Tensor4D, tanh, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import type { Denoiser, Plan } from "../plan.js";
import { sample } from "../sample.js";

/** A trajectory made by `tooling/reference/samplers.py`. */
export interface Fixture {
  config: Record<string, unknown> & { _class_name: string };
  stepArgs: Record<string, number>;
  runs: { steps: number; timesteps: number[]; points: number[][] }[];
}

export function readFixtures(name: string): Fixture[] {
  return JSON.parse(
    readFileSync(new URL(`../../fixtures/${name}.json`, import.meta.url), "utf8"),
  ) as Fixture[];
}

/** The script's own noise; draw -1 is the initial latent. */
export function fixtureNoise(draw: number): Tensor4D {
  const values = Array.from(
    { length: 8 },
    (_, i) => Math.SQRT2 * Math.sin(12.9898 * (i + 1) + 78.233 * (draw + 1)),
  );
  return tensor4d(values, [1, 2, 2, 2]);
}

/** The script's model: `.6 tanh(x) + .3 sin(1.7 x + t / 90)`. */
export const fixtureModel: Denoiser = (x, t) =>
  tidy(() => add(mul(0.6, tanh(x)), mul(0.3, sin(add(mul(1.7, x), t / 90)))) as Tensor4D);

/** What a title says of a case: the options that differ from Stable Diffusion's. */
export function titleOf({ config, stepArgs }: Pick<Fixture, "config" | "stepArgs">): string {
  const { _class_name, beta_start, beta_end, ...rest } = { ...config, ...stepArgs };
  return Object.entries(rest)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

/** Fails unless the plan goes through every point of the trajectory, to 1e-5 of its largest value. */
export async function expectTrajectory(plan: Plan, run: Fixture["runs"][number]): Promise<void> {
  expect(plan.timesteps.length).toBe(run.timesteps.length);
  plan.timesteps.forEach((t, i) => {
    expect(Math.abs(t - run.timesteps[i]!), `timestep ${i}: ${t}, ${run.timesteps[i]}`).toBeLessThan(1e-4);
  });
  let draw = 0;
  const start = fixtureNoise(-1);
  const worst: number[] = [];
  const end = await sample(fixtureModel, start, plan, {
    noise: () => fixtureNoise(draw++),
    onStep: ({ step, latent }) => {
      const level = plan.levels[step + 1]!;
      const scale = Math.hypot(level.alpha, level.sigma);
      const expected = run.points[plan.calls[step + 1]! - 1]!;
      const size = Math.max(1, ...expected.map(Math.abs));
      const values = latent.dataSync();
      worst.push(Math.max(...expected.map((value, i) => Math.abs(value - values[i]! * scale))) / size);
    },
  });
  start.dispose();
  end.dispose();
  expect(
    Math.max(...worst),
    `relative error by step: ${worst.map((e) => e.toExponential(1)).join(" ")}`,
  ).toBeLessThan(1e-5);
}
