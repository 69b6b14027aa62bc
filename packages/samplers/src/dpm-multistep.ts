import { ControlNetError } from "@controlnet-js/core";
import * as z from "zod";
import { combine, type Term } from "./combine.js";
import { defineSampler, type SamplerSpec } from "./define-sampler.js";
import {
  type DiffusersClass,
  type FieldGroup,
  field,
  spacingFields,
  spreadFields,
  zeroTerminalSnr,
} from "./diffusers-class.js";
import { type DpmAlgorithm, dpmCoefficients, logSnr } from "./dpm-coefficients.js";
import { algorithmOption, assertDpmOptions, dpmFields, dpmOptions, isStochastic } from "./dpm-options.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep } from "./plan.js";
import { unitLevelOf } from "./sigmas.js";
import { lowerOrderFinalOption, solverGrid } from "./solver-grid.js";

const multistepOptions = (algorithm: DpmAlgorithm) =>
  dpmOptions.extend({
    algorithm: algorithmOption(algorithm),
    lowerOrderFinal: lowerOrderFinalOption,
    eulerAtFinal: z.boolean().default(false).describe("first order in the last step, however many there are"),
  });

// Cosine schedules have their Karras timesteps cut.
const cosineFields: FieldGroup = {
  fields: {},
  options: ({ beta_schedule }) => (beta_schedule === "squaredcos_cap_v2" ? { karrasTimesteps: "floor" } : {}),
};

const scheduler = (algorithm: "dpmsolver++" | "sde-dpmsolver++"): DiffusersClass => ({
  className: "DPMSolverMultistepScheduler",
  groups: [
    ...dpmFields,
    spacingFields("linspace"),
    field("lower_order_final", true, "lowerOrderFinal"),
    field("euler_at_final", false, "eulerAtFinal"),
    spreadFields({ lambdas: true }),
    cosineFields,
    zeroTerminalSnr,
  ],
  choice: { algorithm_type: algorithm },
  matches: ({ algorithm_type }) => isStochastic(algorithm_type) === isStochastic(algorithm),
});

const plan: SamplerSpec<string, ReturnType<typeof multistepOptions>>["plan"] = (schedule, options) => {
  const { algorithm, order, solver, lowerOrderFinal, eulerAtFinal, finalSigma } = options;
  assertDpmOptions("dpmMultistep", algorithm, finalSigma);
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
};

/**
 * DPM-Solver++ multistep (Lu et al. 2022, algorithm 2: "DPM++ 2M"), with its stochastic form ("DPM++ 2M SDE") and
 * the older DPM-Solver. One model call a step.
 */
export const dpmMultistep = defineSampler({
  name: "dpmpp-2m",
  description: "DPM-Solver++ multistep, order 1-3 (Lu et al. 2022)",
  aliases: ["dpm++2m"],
  options: multistepOptions("dpmsolver++"),
  diffusers: scheduler("dpmsolver++"),
  plan,
});

/** {@link dpmMultistep} with its stochastic algorithm. */
export const dpmMultistepSde = defineSampler({
  name: "dpmpp-2m-sde",
  description: "DPM-Solver++ multistep with noise (Lu et al. 2022)",
  aliases: ["dpm++2m-sde"],
  options: multistepOptions("sde-dpmsolver++"),
  diffusers: scheduler("sde-dpmsolver++"),
  plan,
});
