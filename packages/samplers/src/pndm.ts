import { ControlNetError } from "@controlnet-js/core";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { levelReader } from "./last-alpha.js";
import { oneCallPerStep } from "./plan.js";
import { ask, multistep, plmsOptions, pndmScheduler, transfer } from "./plms.js";
import { timesteps } from "./timesteps.js";

/**
 * PNDM (Liu et al. 2022, algorithm 2): three pseudo Runge-Kutta steps of four model calls give the outputs with which the
 * linear multistep method goes on, as diffusers' `PNDMScheduler` without `skip_prk_steps`. Each call counts as a step:
 * `steps + 9` in all.
 *
 * A run begun at a later step makes the Runge-Kutta steps, too: as in diffusers, from the levels of the schedule's first
 * timesteps, which the latent is no longer at. Better begun with `plms`.
 * @throws ControlNetError `range` for fewer than 4 steps
 */
export const pndm = defineSampler({
  name: "pndm",
  description: "Pseudo numerical methods with Runge-Kutta steps (Liu et al. 2022)",
  options: plmsOptions,
  diffusers: pndmScheduler(false),
  plan(schedule, options) {
    const { steps, spacing, stepsOffset, setAlphaToOne } = options;
    if (steps < 4)
      throw new ControlNetError("range", `pndm: expected at least 4 steps, got ${steps}; plms takes fewer`);
    const grid = timesteps(schedule, steps, spacing, { stepsOffset });
    const stride = Math.floor(schedule.trainTimesteps / steps);
    const half = Math.floor(stride / 2);
    const level = levelReader(schedule, setAlphaToOne);
    // The middle of a Runge-Kutta step is half a stride above its end.
    const asked = grid.flatMap((t, i) => {
      const end = grid[i + 1]!;
      return i < 3 ? [t, end + half, end + half, end] : [t];
    });
    return {
      timesteps: asked,
      steps: asked.length,
      calls: oneCallPerStep(asked.length),
      levels: [...asked.map(level), level(grid.at(-1)! - stride)],
      initialScale: 1,
      stochastic: false,
      async step(context) {
        const { step, begun, latent, history, own } = context;
        const t = asked[step]!;
        const [round, part] = [Math.floor((step - begun) / 4), (step - begun) % 4];
        const output = await ask(context, schedule, latent, level(t));
        if (round >= 3)
          return multistep(context, schedule, [output, ...history], level(t), level(t - stride));
        // Within a Runge-Kutta step the history begins with the latent before it and the weighted sum of its outputs.
        const [start, sum] = part === 0 ? [latent] : (history as [Tensor4D, Tensor4D]);
        const outputs = part === 0 ? [output, ...history] : history.slice(2);
        const mean = own(combine([rungeKutta[part]!, output], ...(sum ? [[1, sum] as const] : [])));
        const slope = part === 3 ? mean : output;
        const to = part % 2 === 0 ? t - half : t;
        return {
          ...transfer(context, schedule, start, [[1, slope]], level(grid[round]!), level(to)),
          history: part === 3 ? outputs : [start, mean, ...outputs],
        };
      },
    };
  },
});

const rungeKutta = [1 / 6, 1 / 3, 1 / 3, 1 / 6];
