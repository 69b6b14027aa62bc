import { ControlNetError } from "@controlnet-js/core";
import { combine } from "./combine.js";
import type { Plan } from "./plan.js";
import { ask, levelReader, multistep, type PlmsOptions, transfer } from "./plms.js";
import type { NoiseSchedule } from "./schedule.js";
import { timesteps } from "./timesteps.js";

/**
 * PNDM (Liu et al. 2022, algorithm 2): three pseudo Runge-Kutta steps of four model calls each give the outputs with
 * which the linear multistep method goes on, as diffusers' `PNDMScheduler` without `skip_prk_steps`.
 * @throws ControlNetError `range` for fewer than 4 steps
 */
export function pndm(schedule: NoiseSchedule, options: PlmsOptions): Plan {
  const { steps, spacing = "leading", stepsOffset } = options;
  if (steps < 4)
    throw new ControlNetError("range", `pndm: expected at least 4 steps, got ${steps}; plms takes fewer`);
  const grid = timesteps(schedule, steps, spacing, { stepsOffset });
  const stride = Math.floor(schedule.trainTimesteps / steps);
  const half = Math.floor(stride / 2);
  const level = levelReader(schedule, options);
  // The middle of a Runge-Kutta step is half a stride above its end.
  const asked = grid.map((t, i) =>
    i < 3 ? [t, grid[i + 1]! + half, grid[i + 1]! + half, grid[i + 1]!] : [t],
  );
  const calls = [0];
  for (const group of asked) calls.push(calls.at(-1)! + group.length);
  return {
    name: "pndm",
    timesteps: asked.flat(),
    steps,
    calls,
    levels: [...grid.map(level), level(grid.at(-1)! - stride)],
    initialScale: 1,
    stochastic: false,
    async step(context) {
      const { step, latent, own } = context;
      const t = grid[step]!;
      if (step >= 3) return multistep(context, schedule, level(t), level(t - stride));
      const [, middle, , end] = asked[step] as [number, number, number, number];
      const move = (output: typeof latent, to: number) => {
        const moved = transfer(context, schedule, latent, [[1, output]], level(t), level(to));
        own(moved.predictedClean);
        return own(moved.latent);
      };
      const k1 = await ask(context, schedule, latent, level(t));
      const k2 = await ask(context, schedule, move(k1, t - half), level(middle));
      const k3 = await ask(context, schedule, move(k2, middle), level(middle));
      const k4 = await ask(context, schedule, move(k3, middle - half), level(end));
      const mean = own(combine([1 / 6, k1], [1 / 3, k2], [1 / 3, k3], [1 / 6, k4]));
      return {
        ...transfer(context, schedule, latent, [[1, mean]], level(t), level(end)),
        history: [k1, ...context.history],
      };
    },
  };
}
