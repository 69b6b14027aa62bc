import { ControlNetError } from "@controlnet-js/core";
import { combine, type Term } from "./combine.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep, type Plan } from "./plan.js";
import type { NoiseSchedule } from "./schedule.js";
import { unitLevelOf } from "./sigmas.js";
import { type SolverOptions, solverGrid } from "./solver-grid.js";

/** Options of {@link deis}. It ends at the noise of timestep 0: its integrals are over log sigma. */
export interface DeisOptions
  extends Omit<
    SolverOptions,
    "finalSigma" | "sigmaMin" | "sigmaMax" | "lambdaMinClipped" | "karrasTimesteps"
  > {
  /** How many model outputs a step uses, 1-3. */
  order?: 1 | 2 | 3;
  /** Lower the order in the last steps of runs under 15 steps. */
  lowerOrderFinal?: boolean;
}

/**
 * DEIS, log-rho form (Zhang and Chen 2022, "Fast sampling of diffusion models with exponential integrator"): the noise
 * predictions are interpolated by a polynomial in log rho, rho = sigma / alpha, which is integrated over the step.
 */
export function deis(schedule: NoiseSchedule, options: DeisOptions): Plan {
  const { order = 2, lowerOrderFinal = true } = options;
  if (![1, 2, 3].includes(order))
    throw new ControlNetError("range", `deis: expected order 1, 2 or 3, got ${order}`);
  const { sigmas, timesteps, initialScale } = solverGrid(
    schedule,
    { ...options, finalSigma: "sigma-min" },
    { endsInSpread: true },
  );
  const levels = sigmas.map(unitLevelOf);
  const steps = timesteps.length;
  return {
    name: "deis",
    timesteps,
    steps,
    calls: oneCallPerStep(steps),
    levels,
    initialScale,
    stochastic: false,
    async step(context) {
      const { step, latent, history } = context;
      const { clean, limitedEpsilon } = await evaluate(
        context,
        schedule.prediction,
        latent,
        levels[step]!,
        options,
      );
      const outputs = [context.own(combine(...limitedEpsilon(1))), ...history].slice(0, order);
      const short = lowerOrderFinal && steps < 15;
      const used = Math.min(outputs.length, short ? steps - step : order);
      const weights = integrals(
        outputs.slice(0, used).map((_, i) => sigmas[step - i]!),
        sigmas[step + 1]!,
      );
      const { alpha } = levels[step + 1]!;
      return {
        predictedClean: clean,
        latent: combine(
          [alpha / levels[step]!.alpha, latent],
          ...weights.map((weight, i): Term => [alpha * weight, outputs[i]!]),
        ),
        history: outputs,
      };
    },
  };
}

/** `integral from nodes[0] to end of L_i(log rho) d rho` for the Lagrange polynomials L_i over the logs of the nodes. */
function integrals(nodes: readonly number[], end: number): number[] {
  const [r0, r1, r2] = nodes as [number, number?, number?];
  if (r1 === undefined) return [end - r0];
  if (r2 === undefined) {
    const at = (t: number, b: number, c: number) =>
      (t * (Math.log(t) - Math.log(c) - 1)) / (Math.log(b) - Math.log(c));
    return [at(end, r0, r1) - at(r0, r0, r1), at(end, r1, r0) - at(r0, r1, r0)];
  }
  const at = (t: number, b: number, c: number, d: number) => {
    const [logT, logB, logC, logD] = [t, b, c, d].map(Math.log) as [number, number, number, number];
    const product = logT ** 2 - 2 * logT + 2 - (logC + logD) * (logT - 1) + logC * logD;
    return (t * product) / ((logB - logC) * (logB - logD));
  };
  return [
    at(end, r0, r1, r2) - at(r0, r0, r1, r2),
    at(end, r1, r2, r0) - at(r0, r1, r2, r0),
    at(end, r2, r0, r1) - at(r0, r2, r0, r1),
  ];
}
