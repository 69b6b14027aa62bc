import type { Tensor4D } from "@tensorflow/tfjs-core";
import * as z from "zod";
import { combine, type Term } from "./combine.js";
import { defineSampler } from "./define-sampler.js";
import { type DiffusersClass, fields, spacingFields } from "./diffusers-class.js";
import { levelReader, setAlphaToOneField, setAlphaToOneOption } from "./last-alpha.js";
import { oneCallPerStep, type StepContext, type StepResult } from "./plan.js";
import { interpret } from "./prediction.js";
import type { NoiseLevel, NoiseSchedule } from "./schedule.js";
import { spacingOptions, timesteps } from "./timesteps.js";

/** Options of {@link plms} and `pndm`. */
export const plmsOptions = z.object({ ...spacingOptions("leading"), setAlphaToOne: setAlphaToOneOption });

/** diffusers' class of both. */
export const pndmScheduler = (skipPrkSteps: boolean): DiffusersClass => ({
  className: "PNDMScheduler",
  groups: [spacingFields("leading"), fields({ skip_prk_steps: false }), setAlphaToOneField(false)],
  choice: { skip_prk_steps: skipPrkSteps },
  matches: ({ skip_prk_steps }) => (skip_prk_steps === true) === skipPrkSteps,
});

/**
 * Pseudo linear multistep (Liu et al. 2022, "Pseudo numerical methods for diffusion models on manifolds"): DDIM's
 * transfer with an Adams-Bashforth mean of the last four outputs, as diffusers' `PNDMScheduler` with `skip_prk_steps`. The
 * run begins with an improved Euler step of two model calls; each counts as a step: `steps + 1` in all.
 *
 * A run begun at a later step makes that step, too, for which the timesteps laid out have no second call: as in diffusers,
 * the latent is then noisier than the timestep that the model is told.
 */
export const plms = defineSampler({
  name: "plms",
  description: "Pseudo linear multistep (Liu et al. 2022)",
  options: plmsOptions,
  diffusers: pndmScheduler(true),
  plan(schedule, options) {
    const { steps, spacing, stepsOffset, setAlphaToOne } = options;
    const grid = timesteps(schedule, steps, spacing, { stepsOffset });
    const asked = grid.flatMap((t, i) => (i === 1 ? [t, t] : [t]));
    const stride = Math.floor(schedule.trainTimesteps / steps);
    const level = levelReader(schedule, setAlphaToOne);
    return {
      timesteps: asked,
      steps: asked.length,
      calls: oneCallPerStep(asked.length),
      levels: [...asked.map(level), level(grid.at(-1)! - stride)],
      initialScale: 1,
      stochastic: false,
      async step(context) {
        const { step, begun, latent, history } = context;
        const t = asked[step]!;
        const output = await ask(context, schedule, latent, level(t));
        if (step !== begun + 1) {
          const made = multistep(context, schedule, [output, ...history], level(t), level(t - stride));
          return step === begun ? { ...made, history: [output, latent] } : made;
        }
        const [first, start] = history as [Tensor4D, Tensor4D];
        const mean: Term[] = [
          [0.5, output],
          [0.5, first],
        ];
        return {
          ...transfer(context, schedule, start, mean, level(t + stride), level(t)),
          history: [first],
        };
      },
    };
  },
});

/** One Adams-Bashforth step with the outputs so far, newest first; its history is those that the next one needs. */
export function multistep(
  context: StepContext,
  schedule: NoiseSchedule,
  known: readonly Tensor4D[],
  from: NoiseLevel,
  to: NoiseLevel,
): StepResult {
  const outputs = known.slice(0, adamsBashforth.length);
  const weights = adamsBashforth[outputs.length - 1]!;
  const mean = outputs.map((output, i): Term => [weights[i]!, output]);
  return { ...transfer(context, schedule, context.latent, mean, from, to), history: outputs };
}

const adamsBashforth = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/** The raw output; a clean prediction as the noise it implies, for clean predictions of different levels don't mix. */
export async function ask(
  context: StepContext,
  schedule: NoiseSchedule,
  latent: Tensor4D,
  level: NoiseLevel,
): Promise<Tensor4D> {
  const output = await context.ask(latent, level);
  if (schedule.prediction !== "sample") return output;
  const { epsilon } = interpret("sample", level);
  return context.own(combine([epsilon.latent, latent], [epsilon.output, output]));
}

/** DDIM's deterministic step with a mean of outputs: `alpha_to x0 + sigma_to eps`. */
export function transfer(
  context: StepContext,
  schedule: NoiseSchedule,
  latent: Tensor4D,
  mean: readonly Term[],
  from: NoiseLevel,
  to: NoiseLevel,
): { latent: Tensor4D; predictedClean: Tensor4D } {
  const { clean, epsilon } = interpret(
    schedule.prediction === "sample" ? "epsilon" : schedule.prediction,
    from,
  );
  const output = context.own(combine(...mean));
  const predictedClean = combine([clean.latent, latent], [clean.output, output]);
  return {
    predictedClean,
    latent: combine(
      [to.alpha, predictedClean],
      [to.sigma * epsilon.latent, latent],
      [to.sigma * epsilon.output, output],
    ),
  };
}
