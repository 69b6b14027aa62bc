import { ControlNetError } from "@controlnet-js/core";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { combine, type Term } from "./combine.js";
import { logSnr } from "./dpm-coefficients.js";
import { evaluate } from "./evaluate.js";
import { solveLinear } from "./linear-system.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import type { NoiseLevel, NoiseSchedule } from "./schedule.js";
import { unitLevelOf } from "./sigmas.js";
import { type SolverOptions, solverGrid } from "./solver-grid.js";

/** Options of {@link uniPc}. */
export interface UniPcOptions extends Omit<SolverOptions, "lambdaMinClipped" | "karrasTimesteps"> {
  order?: number;
  /** B(h) = h, or B(h) = e^h - 1. */
  solver?: "bh1" | "bh2";
  /** Follow the clean prediction, or the noise prediction. */
  predictClean?: boolean;
  /** Lower the order in the last steps; needed to reach zero noise. */
  lowerOrderFinal?: boolean;
  /** Steps after which the corrector is left out. */
  disableCorrector?: readonly number[];
}

/**
 * UniPC (Zhao et al. 2023, "UniPC: a unified predictor-corrector framework"): a multistep predictor; the next model
 * call also corrects the latent that it was asked about. One model call a step.
 */
export function uniPc(schedule: NoiseSchedule, options: UniPcOptions): Plan {
  const {
    order = 2,
    solver = "bh2",
    predictClean = true,
    lowerOrderFinal = true,
    disableCorrector = [],
  } = options;
  if (!Number.isInteger(order) || order < 1)
    throw new ControlNetError("range", `uniPc: expected order >= 1, got ${order}`);
  if (solver !== "bh1" && solver !== "bh2")
    throw new ControlNetError("config", `uniPc: unknown solver "${String(solver)}" (known: bh1, bh2)`);
  const { sigmas, timesteps, initialScale } = solverGrid(schedule, options, { endsInSpread: true });
  const levels = sigmas.map(unitLevelOf);
  const steps = timesteps.length;
  const orderAt = (step: number, known: number) =>
    Math.min(order, known, lowerOrderFinal ? steps - step : Number.POSITIVE_INFINITY);
  const form = { predictClean, solver };
  return {
    name: "unipc",
    timesteps,
    steps,
    calls: oneCallPerStep(steps),
    levels,
    initialScale,
    stochastic: false,
    async step(context) {
      const { step, latent, own } = context;
      const [lastLatent, ...earlier] = context.history;
      const { clean, epsilon } = await evaluate(context, schedule.prediction, latent, levels[step]!, options);
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
}

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
