import * as z from "zod";
import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { spacingFields, spreadFields } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep } from "./plan.js";
import { sigmaGrid, sigmaOptions } from "./sigma-grid.js";

/**
 * The linear multistep method of k-diffusion (`sample_lms`): the slopes of the last steps are interpolated by a
 * polynomial in sigma, which is integrated over the step (Adams-Bashforth on an uneven grid).
 */
export const lms = defineSampler({
  name: "lms",
  description: "Linear multistep (k-diffusion)",
  options: sigmaOptions.extend({
    order: z
      .literal([1, 2, 3, 4], "expected order 1, 2, 3 or 4")
      .default(4)
      .describe("how many slopes a step uses"),
  }),
  diffusers: {
    className: "LMSDiscreteScheduler",
    groups: [spacingFields("linspace"), spreadFields()],
  },
  plan(schedule, options) {
    const { order } = options;
    const { sigmas, timesteps, initialScale } = sigmaGrid(schedule, options);
    const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
    return {
      timesteps,
      steps: timesteps.length,
      calls: oneCallPerStep(timesteps.length),
      levels,
      initialScale,
      stochastic: false,
      async step(context) {
        const { step, latent, history } = context;
        const { clean, epsilon } = await evaluate(context, schedule.prediction, latent, levels[step]!);
        const slopes = [context.own(combine(...epsilon(1))), ...history].slice(0, order);
        // The polynomial goes through the slopes of the whole schedule: as in diffusers, a run begun in the middle leaves out
        // what falls to those that it never had.
        const nodes = sigmas.slice(Math.max(0, step + 1 - order), step + 1).reverse();
        return {
          predictedClean: clean,
          latent: combine(
            [1, latent],
            ...slopes.map(
              (slope, i) => [basisIntegral(nodes, i, sigmas[step]!, sigmas[step + 1]!), slope] as const,
            ),
          ),
          history: slopes,
        };
      },
    };
  },
});

/** The integral of the i-th Lagrange polynomial over `nodes`, exact up to degree 5 (Gauss-Legendre, three points). */
function basisIntegral(nodes: readonly number[], i: number, from: number, to: number): number {
  const half = (to - from) / 2;
  const points = [
    [-Math.sqrt(0.6), 5 / 9],
    [0, 8 / 9],
    [Math.sqrt(0.6), 5 / 9],
  ] as const;
  let sum = 0;
  for (const [at, weight] of points) {
    const x = from + half * (1 + at);
    let value = weight;
    nodes.forEach((node, k) => {
      if (k !== i) value *= (x - node) / (nodes[i]! - node);
    });
    sum += value;
  }
  return sum * half;
}
