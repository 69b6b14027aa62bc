import * as z from "zod";
import { combine, type Term } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { field } from "./diffusers-class.js";
import { dpmCoefficients, logSnr } from "./dpm-coefficients.js";
import { algorithmOption, assertDpmOptions, dpmFields, dpmOptions } from "./dpm-options.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep } from "./plan.js";
import { unitLevelOf } from "./sigmas.js";
import { solverGrid } from "./solver-grid.js";

/**
 * DPM-Solver++ singlestep (Lu et al. 2022, algorithm 1: "DPM++ 2S"). `order` model calls make one step of the
 * solver; they are counted, and reported, as steps each. A step to zero noise is of first order. Its timesteps are always
 * `"linspace"`.
 */
export const dpmSinglestep = defineSampler({
  name: "dpmpp-singlestep",
  description: "DPM-Solver++ singlestep, order 1-3 (Lu et al. 2022)",
  aliases: ["dpm++2s", "dpmpp-2s"],
  options: dpmOptions.omit({ spacing: true, stepsOffset: true }).extend({
    algorithm: algorithmOption("dpmsolver++"),
    lowerOrderFinal: z
      .boolean()
      .default(false)
      .describe(
        "end with a first-order step where the order divides the steps and the end is not zero noise",
      ),
  }),
  diffusers: {
    className: "DPMSolverSinglestepScheduler",
    groups: [...dpmFields, field("lower_order_final", false, "lowerOrderFinal")],
    choice: { algorithm_type: "dpmsolver++" },
  },
  plan(schedule, options) {
    const { algorithm, order, solver, finalSigma, lowerOrderFinal } = options;
    assertDpmOptions("dpmSinglestep", algorithm, finalSigma);
    const { sigmas, timesteps, initialScale } = solverGrid(schedule, { ...options, spacing: "linspace" });
    const levels = sigmas.map(unitLevelOf);
    const steps = timesteps.length;
    const orders = Array.from({ length: steps }, (_, i) => (i % order) + 1);
    if (finalSigma === "zero" || (lowerOrderFinal && steps % order === 0)) orders[steps - 1] = 1;
    return {
      timesteps,
      steps,
      calls: oneCallPerStep(steps),
      levels,
      initialScale,
      stochastic: algorithm.startsWith("sde"),
      async step(context) {
        const { step, latent } = context;
        // The history is the latent that the solver's step began with, then the outputs since, newest first.
        const [start, ...earlier] = context.history;
        const used = Math.min(orders[step]!, earlier.length + 1);
        const base = used === 1 || !start ? context.own(combine([1, latent])) : start;
        const asked = await evaluate(context, schedule.prediction, latent, levels[step]!, options);
        const { clean } = asked;
        const current = algorithm.endsWith("++") ? clean : context.own(combine(...asked.limitedEpsilon(1)));
        const outputs = used === 1 ? [current] : [current, ...earlier];
        const c = dpmCoefficients(
          algorithm,
          levels[step + 1 - used]!,
          levels[step + 1]!,
          used === 3 ? "heun" : solver,
        );
        return {
          predictedClean: clean,
          latent: combine(
            [c.sample, base],
            ...singlestepTerms(),
            ...(algorithm.startsWith("sde") ? [[c.noise, context.noise()] as const] : []),
          ),
          history: [base, ...outputs],
        };

        function singlestepTerms(): Term[] {
          const origin = logSnr(levels[step + 1 - used]!);
          const along = (i: number) =>
            (logSnr(levels[step - i]!) - origin) / (logSnr(levels[step + 1]!) - origin);
          if (used === 1) return [[c.d0, outputs[0]!]];
          const r0 = along(0);
          if (used === 2)
            return [
              [c.d1 / r0, outputs[0]!],
              [c.d0 - c.d1 / r0, outputs[1]!],
            ];
          const r1 = along(1);
          // a = (m1 - m2) / r1, b = (m0 - m2) / r0; D1 = b, or (r0 a - r1 b) / (r0 - r1) with D2 = 2 (b - a) / (r0 - r1)
          const a = solver === "midpoint" ? 0 : (c.d1 * r0 - 2 * c.d2) / (r0 - r1);
          const b = solver === "midpoint" ? c.d1 : (2 * c.d2 - c.d1 * r1) / (r0 - r1);
          return [
            [b / r0, outputs[0]!],
            [a / r1, outputs[1]!],
            [c.d0 - a / r1 - b / r0, outputs[2]!],
          ];
        }
      },
    };
  },
});
