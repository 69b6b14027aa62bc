import type { Tensor4D } from "@tensorflow/tfjs-core";
import { combine, type Term } from "./combine.js";
import { type LimitOptions, limited } from "./limit.js";
import type { StepContext } from "./plan.js";
import { interpret } from "./prediction.js";
import type { NoiseLevel, Prediction } from "./schedule.js";

/** What one model call says about a latent. */
export interface Evaluation {
  /** The predicted clean latent, within its limits where it has any. Owned by the step's context. */
  clean: Tensor4D;
  /** The predicted noise, times a coefficient, as addends of {@link combine}; never limited. */
  epsilon(coefficient: number): Term[];
  /** The noise that goes with the limited clean latent. */
  limitedEpsilon(coefficient: number): Term[];
  /** The model's raw output. Owned by the step's context. */
  output: Tensor4D;
}

/** Asks the model about `latent` at `level` and reads its answer. */
export async function evaluate(
  context: StepContext,
  prediction: Prediction,
  latent: Tensor4D,
  level: NoiseLevel,
  limits: LimitOptions = {},
): Promise<Evaluation> {
  const implied = interpret(prediction, level);
  const output = await context.ask(latent, level);
  const predicted = context.own(combine([implied.clean.latent, latent], [implied.clean.output, output]));
  const clean = context.own(await limited(predicted, limits));
  const epsilon = (coefficient: number): Term[] => [
    [coefficient * implied.epsilon.latent, latent],
    [coefficient * implied.epsilon.output, output],
  ];
  const { alpha, sigma } = level;
  const limitedEpsilon = (coefficient: number): Term[] => [
    [coefficient / sigma, latent],
    [(-coefficient * alpha) / sigma, clean],
  ];
  return { clean, epsilon, limitedEpsilon: clean === predicted ? epsilon : limitedEpsilon, output };
}
