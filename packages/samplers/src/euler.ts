import { combine } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import {
  type FieldGroup,
  finalSigmaField,
  sigmaEnds,
  spacingFields,
  spreadFields,
  zeroTerminalSnr,
} from "./diffusers-class.js";
import { evaluate } from "./evaluate.js";
import { oneCallPerStep } from "./plan.js";
import { sigmaGrid, sigmaOptions } from "./sigma-grid.js";

const timestepFields: FieldGroup = {
  fields: { interpolation_type: "linear", timestep_type: "discrete" },
  refuse: ({ interpolation_type, timestep_type, prediction_type }) => {
    if (interpolation_type !== "linear") return ["interpolation_type", 'use "linear"'];
    if (timestep_type === "continuous" && prediction_type === "v_prediction")
      return ["timestep_type", "it is for models that are conditioned on log sigma"];
    return undefined;
  },
};

/** Euler's method on `dx / dsigma = eps(x, sigma)` (Karras et al. 2022, algorithm 2 without churn). */
export const euler = defineSampler({
  name: "euler",
  description: "Euler's method (Karras et al. 2022, algorithm 2 without churn)",
  options: sigmaOptions,
  diffusers: {
    className: "EulerDiscreteScheduler",
    groups: [
      spacingFields("linspace"),
      spreadFields(),
      ...sigmaEnds,
      finalSigmaField,
      zeroTerminalSnr,
      timestepFields,
    ],
  },
  plan(schedule, options) {
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
        const { step, latent } = context;
        const { clean, epsilon } = await evaluate(context, schedule.prediction, latent, levels[step]!);
        return {
          predictedClean: clean,
          latent: combine([1, latent], ...epsilon(sigmas[step + 1]! - sigmas[step]!)),
        };
      },
    };
  },
});
