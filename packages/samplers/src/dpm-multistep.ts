import { ControlNetError } from "@controlnet-js/core";
import { combine, type Term } from "./combine.js";
import { type DpmAlgorithm, dpmCoefficients, logSnr } from "./dpm-coefficients.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import type { NoiseSchedule } from "./schedule.js";
import { unitLevelOf } from "./sigmas.js";
import { type SolverOptions, solverGrid } from "./solver-grid.js";

/** Options of {@link dpmMultistep}. */
export interface DpmMultistepOptions extends SolverOptions {
  algorithm?: DpmAlgorithm;
  /** How many model outputs a step uses, 1-3. */
  order?: 1 | 2 | 3;
  solver?: "midpoint" | "heun";
  /** Lower the order in the last steps of runs under 15 steps. */
  lowerOrderFinal?: boolean;
  /** First order in the last step, however many there are. */
  eulerAtFinal?: boolean;
}

/**
 * DPM-Solver++ multistep (Lu et al. 2022, algorithm 2: "DPM++ 2M"), with its stochastic form ("DPM++ 2M SDE") and
 * the older DPM-Solver. One model call a step.
 */
export function dpmMultistep(schedule: NoiseSchedule, options: DpmMultistepOptions): Plan {
  const { algorithm = "dpmsolver++", order = 2, solver = "midpoint", lowerOrderFinal = true } = options;
  const { eulerAtFinal = false, finalSigma = "zero" } = options;
  assertDpmOptions("dpmMultistep", algorithm, order, finalSigma);
  if (algorithm === "sde-dpmsolver" && order === 3)
    throw new ControlNetError("unsupported", 'dpmMultistep: "sde-dpmsolver" has orders 1 and 2');
  const { sigmas, timesteps, initialScale } = solverGrid(schedule, options);
  const levels = sigmas.map(unitLevelOf);
  const steps = timesteps.length;
  const orderAt = (step: number, known: number): number => {
    const short = lowerOrderFinal && steps < 15;
    if (step === steps - 1 && (eulerAtFinal || short || finalSigma === "zero")) return 1;
    return Math.min(order, known, step === steps - 2 && short ? 2 : 3);
  };
  return {
    name: algorithm.startsWith("sde") ? "dpmpp-2m-sde" : "dpmpp-2m",
    timesteps,
    steps,
    calls: oneCallPerStep(steps),
    levels,
    initialScale,
    stochastic: algorithm.startsWith("sde"),
    async step(context) {
      const { step, latent } = context;
      const asked = await evaluate(context, schedule.prediction, latent, levels[step]!, options);
      const { clean } = asked;
      const current = algorithm.endsWith("++") ? clean : context.own(combine(...asked.limitedEpsilon(1)));
      const outputs = [current, ...context.history].slice(0, order);
      const used = orderAt(step, outputs.length);
      const c = dpmCoefficients(algorithm, levels[step]!, levels[step + 1]!, used === 3 ? "heun" : solver);
      const terms: Term[] = [[c.sample, latent], ...multistepTerms(c, used)];
      return {
        predictedClean: clean,
        latent: combine(
          ...terms,
          ...(c.noise > 0 || algorithm.startsWith("sde") ? [[c.noise, context.noise()] as const] : []),
        ),
        history: outputs,
      };

      function multistepTerms({ d0, d1, d2 }: typeof c, used: number): Term[] {
        const lambda = (i: number) => logSnr(levels[step + 1 - i]!);
        const h = lambda(0) - lambda(1);
        if (used === 1 || d0 === 0) return [[d0, outputs[0]!]];
        const r0 = (lambda(1) - lambda(2)) / h;
        if (used === 2)
          return [
            [d0 + d1 / r0, outputs[0]!],
            [-d1 / r0, outputs[1]!],
          ];
        const r1 = (lambda(2) - lambda(3)) / h;
        // D1 = a + r0 / (r0 + r1) (a - b), D2 = (a - b) / (r0 + r1), with a = (m0 - m1) / r0, b = (m1 - m2) / r1
        const a = d1 * (1 + r0 / (r0 + r1)) + d2 / (r0 + r1);
        const b = -(d1 * r0 + d2) / (r0 + r1);
        return [
          [d0 + a / r0, outputs[0]!],
          [b / r1 - a / r0, outputs[1]!],
          [-b / r1, outputs[2]!],
        ];
      }
    },
  };
}

/** Refuses combinations that DPM solvers don't have. */
export function assertDpmOptions(
  where: string,
  algorithm: DpmAlgorithm,
  order: number,
  finalSigma: string,
): void {
  if (![1, 2, 3].includes(order))
    throw new ControlNetError("range", `${where}: expected order 1, 2 or 3, got ${order}`);
  if (!["dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"].includes(algorithm))
    throw new ControlNetError("config", `${where}: unknown algorithm "${algorithm}"`);
  if (!algorithm.endsWith("++") && finalSigma === "zero")
    throw new ControlNetError(
      "config",
      `${where}: "${algorithm}" cannot step to zero noise; use finalSigma "sigma-min" or "${algorithm}++"`,
    );
}
