import type { Tensor4D } from "@tensorflow/tfjs-core";
import * as z from "zod";
import { combine, type Term } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import {
  type FieldGroup,
  field,
  finalSigmaField,
  flowFields,
  limitFields,
  sigmaEnds,
  solverField,
  spacingFields,
  spreadFields,
  zeroTerminalSnr,
} from "./diffusers-class.js";
import { logSnr } from "./dpm-coefficients.js";
import { evaluate } from "./evaluate.js";
import { solveLinear } from "./linear-system.js";
import { oneCallPerStep } from "./plan.js";
import type { NoiseLevel } from "./schedule.js";
import { unitLevelOf } from "./sigmas.js";
import { solverGrid, solverOptions } from "./solver-grid.js";

const ownPredictor: FieldGroup = {
  fields: { solver_p: null, shift_terminal: null },
  refuse: ({ solver_p }) => (solver_p ? ["solver_p", "only UniPC's own predictor is"] : undefined),
};

/**
 * UniPC (Zhao et al. 2023, "UniPC: a unified predictor-corrector framework"): a multistep predictor; the next model
 * call also corrects the latent that it was asked about. One model call a step.
 */
export const uniPc = defineSampler({
  name: "unipc",
  description: "UniPC, a unified predictor-corrector (Zhao et al. 2023)",
  aliases: ["uni-pc"],
  options: solverOptions.omit({ lambdaMinClipped: true, karrasTimesteps: true }).extend({
    order: z.int().min(1, "expected order >= 1").default(2).describe("how many model outputs a step uses"),
    solver: z.enum(["bh1", "bh2"]).default("bh2").describe("B(h) = h (bh1), or B(h) = e^h - 1 (bh2)"),
    predictClean: z.boolean().default(true).describe("follow the clean prediction, or the noise prediction"),
    lowerOrderFinal: z
      .boolean()
      .default(true)
      .describe("lower the order in the last steps; needed to reach zero noise"),
    disableCorrector: z
      .array(z.int().min(0))
      .readonly()
      .default([])
      .describe("steps after which the corrector is left out"),
  }),
  diffusers: {
    className: "UniPCMultistepScheduler",
    groups: [
      field("solver_order", 2, "order"),
      solverField(["bh2", "bh1"]),
      spacingFields("linspace"),
      limitFields(),
      spreadFields(),
      flowFields,
      field("predict_x0", true, "predictClean"),
      field("lower_order_final", true, "lowerOrderFinal"),
      field("disable_corrector", [], "disableCorrector"),
      finalSigmaField,
      ...sigmaEnds,
      ownPredictor,
      zeroTerminalSnr,
    ],
  },
  plan(schedule, options) {
    const { order, solver, predictClean, lowerOrderFinal, disableCorrector } = options;
    const { sigmas, timesteps, initialScale } = solverGrid(schedule, options, { endsInSpread: true });
    const levels = sigmas.map(unitLevelOf);
    const steps = timesteps.length;
    const orderAt = (step: number, known: number) =>
      Math.min(order, known, lowerOrderFinal ? steps - step : Number.POSITIVE_INFINITY);
    const form = { predictClean, solver };
    return {
      timesteps,
      steps,
      calls: oneCallPerStep(steps),
      levels,
      initialScale,
      stochastic: false,
      async step(context) {
        const { step, latent, own } = context;
        const [lastLatent, ...earlier] = context.history;
        const { clean, epsilon } = await evaluate(
          context,
          schedule.prediction,
          latent,
          levels[step]!,
          options,
        );
        const current = predictClean ? clean : own(combine(...epsilon(1)));
        const outputs = [current, ...earlier].slice(0, order);
        let corrected = own(combine([1, latent]));
        if (lastLatent && !disableCorrector.includes(step - 1)) {
          const used = orderAt(step - 1, earlier.length);
          corrected = own(advance(levels, step - 1, lastLatent, earlier.slice(0, used), current, form));
        }
        const used = orderAt(step, outputs.length);
        return {
          predictedClean: clean,
          latent: advance(levels, step, corrected, outputs.slice(0, used), undefined, form),
          history: [corrected, ...outputs],
        };
      },
    };
  },
});

/**
 * The latent at `step + 1` from the one at `step`: the predictor (UniP, equation 3), or with the model's output at
 * `step + 1` the corrector (UniC, equation 5).
 * @param outputs those at `step`, `step - 1`, ...: as many as the order
 */
function advance(
  levels: readonly NoiseLevel[],
  step: number,
  latent: Tensor4D,
  outputs: readonly Tensor4D[],
  ahead: Tensor4D | undefined,
  { predictClean, solver }: { predictClean: boolean; solver: "bh1" | "bh2" },
): Tensor4D {
  const [from, to] = [levels[step]!, levels[step + 1]!];
  const h = logSnr(to) - logSnr(from);
  const signed = predictClean ? -h : h;
  const phi1 = Math.expm1(signed);
  const b = solver === "bh1" ? signed : phi1;
  const ratios = outputs.slice(1).map((_, i) => (logSnr(levels[step - 1 - i]!) - logSnr(from)) / h);
  const weights = weightsOf(ratios, signed, b, ahead !== undefined);
  const scale = predictClean ? to.alpha : to.sigma;
  // sum_i weight_i (m_i - m_0) / ratio_i, gathered by tensor
  const differences: Term[] = [];
  let first = 0;
  [...ratios, ...(ahead ? [1] : [])].forEach((ratio, i) => {
    const weight = (-scale * b * weights[i]!) / ratio;
    differences.push([weight, i < ratios.length ? outputs[i + 1]! : ahead!]);
    first -= weight;
  });
  return combine(
    [predictClean ? to.sigma / from.sigma : to.alpha / from.alpha, latent],
    [first - scale * phi1, outputs[0]!],
    ...differences,
  );
}

/** The solution of the order conditions; the predictor of order 2 and the corrector of order 1 take 1/2. */
function weightsOf(ratios: readonly number[], signed: number, b: number, corrector: boolean): number[] {
  const nodes = corrector ? [...ratios, 1] : ratios;
  if (nodes.length === 0) return [];
  if (nodes.length === 1) return [0.5];
  let phi = Math.expm1(signed) / signed - 1;
  let factorial = 1;
  const right = nodes.map((_, i) => {
    const value = (phi * factorial) / b;
    factorial *= i + 2;
    phi = phi / signed - 1 / factorial;
    return value;
  });
  return solveLinear(
    nodes.map((_, power) => nodes.map((node) => node ** power)),
    right,
  );
}
