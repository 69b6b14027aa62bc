import { adamWUpdate } from "@controlnet-js/core";
import type { Tensor } from "@tensorflow/tfjs-core";

/**
 * How parameters follow from gradients: a plain value. {@link adamW} makes one; one of your own is these members. Clipping,
 * the moving average and the learning rate are the run's, whatever the optimiser.
 */
export interface Optimizer {
  /** Tells it apart from others: a run is resumed with the one that it was begun with. */
  readonly name: string;
  /** The names of what is kept for each parameter from step to step, of its shape and zero at first. */
  readonly slots: readonly string[];
  /**
   * The numbers of one step; `update` gets them as scalars, so that one compiled function serves all steps.
   * @param step updates before this one
   */
  scalars(step: number, rate: number): Record<string, number>;
  /** One parameter after a step, then its slots in order. Runs inside `jit`, so it must not read values. */
  update(given: OptimizerInputs, scalars: Readonly<Record<string, Tensor>>): readonly Tensor[];
}

/** What an optimiser knows of one parameter. */
export interface OptimizerInputs {
  parameter: Tensor;
  /** Clipped. */
  gradient: Tensor;
  slots: readonly Tensor[];
}

/** Settings of {@link adamW}. */
export interface AdamWOptions {
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Part of a parameter that a step of rate 1 takes off. Default 0.01. */
  weightDecay?: number;
}

/** AdamW (Loshchilov and Hutter, 2019) as PyTorch has it, with PyTorch's and diffusers' defaults. */
export function adamW({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = 1e-2,
}: AdamWOptions = {}): Optimizer {
  return {
    name: "adamw",
    slots: ["firstMoment", "secondMoment"],
    scalars(step, rate) {
      const correction1 = 1 - beta1 ** (step + 1);
      const correction2 = Math.sqrt(1 - beta2 ** (step + 1));
      return {
        rate: (rate * correction2) / correction1,
        epsilon: epsilon * correction2,
        decay: 1 - rate * weightDecay,
      };
    },
    update: ({ parameter, gradient, slots: [firstMoment, secondMoment] }, { rate, epsilon, decay }) =>
      adamWUpdate(
        {
          parameter,
          firstMoment: firstMoment!,
          secondMoment: secondMoment!,
          gradient,
          rate: rate!,
          epsilon: epsilon!,
          decay: decay!,
        },
        { beta1, beta2 },
      ),
  };
}
