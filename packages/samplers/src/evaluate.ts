import { clipByValue, type Tensor4D } from "@tensorflow/tfjs-core";
import { combine, type Term } from "./combine.js";
import type { StepContext } from "./plan.js";
import { interpret } from "./prediction.js";
import type { NoiseLevel, Prediction } from "./schedule.js";

/** What one model call says about a latent. */
export interface Evaluation {
  /** The predicted clean latent, clipped where asked for. Owned by the step's context. */
  clean: Tensor4D;
  /** The predicted noise, times a coefficient, as addends of {@link combine}; never clipped. */
  epsilon(coefficient: number): Term[];
  /** The model's raw output. Owned by the step's context. */
  output: Tensor4D;
}

/** Asks the model about `latent` at `level` and reads its answer. */
export async function evaluate(
  context: StepContext,
  prediction: Prediction,
  latent: Tensor4D,
  level: NoiseLevel,
  clip?: number,
): Promise<Evaluation> {
  const { clean, epsilon } = interpret(prediction, level);
  const output = await context.ask(latent, level);
  const predicted = context.own(combine([clean.latent, latent], [clean.output, output]));
  return {
    clean: clip === undefined ? predicted : (context.own(clipByValue(predicted, -clip, clip)) as Tensor4D),
    epsilon: (coefficient) => [
      [coefficient * epsilon.latent, latent],
      [coefficient * epsilon.output, output],
    ],
    output,
  };
}
