import { combine, type Term } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { field, fields, flowFields, limitFields, spacingFields, spreadFields } from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep } from "./plan.js";
import { unitLevelOf } from "./sigmas.js";
import { lowerOrderFinalOption, orderOption, solverGrid, solverOptions } from "./solver-grid.js";

/**
 * DEIS, log-rho form (Zhang and Chen 2022, "Fast sampling of diffusion models with exponential integrator"): the noise
 * predictions are interpolated by a polynomial in log rho, rho = sigma / alpha, which is integrated over the step. It ends
 * at the noise of timestep 0, for its integrals are over log sigma.
 */
export const deis = defineSampler({
  name: "deis",
  description: "DEIS, log-rho form (Zhang and Chen 2022)",
  options: solverOptions
    .pick({ spacing: true, stepsOffset: true, sigmas: true, threshold: true })
    .extend({ order: orderOption, lowerOrderFinal: lowerOrderFinalOption }),
  diffusers: {
    className: "DEISMultistepScheduler",
    groups: [
      field("solver_order", 2, "order"),
      spacingFields("linspace"),
      limitFields(),
      spreadFields(),
      flowFields,
      fields({ solver_type: "logrho", algorithm_type: "deis" }),
      field("lower_order_final", true, "lowerOrderFinal"),
    ],
  },
  plan(schedule, options) {
    const { order, lowerOrderFinal } = options;
    const { sigmas, timesteps, initialScale } = solverGrid(
      schedule,
      { ...options, finalSigma: "sigma-min" },
      { endsInSpread: true },
    );
    const levels = sigmas.map(unitLevelOf);
    const steps = timesteps.length;
    return {
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
  },
});

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
