import type { Tensor4D } from "@tensorflow/tfjs-core";
import { combine, type Term } from "./combine.js";
import type { Plan, StepContext, StepResult } from "./plan.js";
import { interpret } from "./prediction.js";
import { alphaCumprodAt, levelOf, type NoiseLevel, type NoiseSchedule } from "./schedule.js";
import { type Spacing, timesteps } from "./timesteps.js";

/** Options of {@link plms} and `pndm`. */
export interface PlmsOptions {
  steps: number;
  spacing?: Spacing;
  stepsOffset?: number;
  /** What the last step goes to: abar = 1, or abar of timestep 0 (`false`, as Stable Diffusion does). */
  setAlphaToOne?: boolean;
}

/**
 * Pseudo linear multistep (Liu et al. 2022, "Pseudo numerical methods for diffusion models on manifolds"): DDIM's
 * transfer with an Adams-Bashforth mean of the last four outputs. The first step is an improved Euler step of two
 * model calls: `steps + 1` calls in all, as diffusers' `PNDMScheduler` with `skip_prk_steps`.
 */
export function plms(schedule: NoiseSchedule, options: PlmsOptions): Plan {
  const { steps, spacing = "leading", stepsOffset } = options;
  const grid = timesteps(schedule, steps, spacing, { stepsOffset });
  const stride = Math.floor(schedule.trainTimesteps / steps);
  const level = levelReader(schedule, options);
  return {
    name: "plms",
    timesteps: grid.flatMap((t, i) => (i === 1 ? [t, t] : [t])),
    steps,
    calls: grid.map((_, i) => (i === 0 ? 0 : i + 1)).concat(steps === 1 ? 1 : steps + 1),
    levels: [...grid.map(level), level(grid.at(-1)! - stride)],
    initialScale: 1,
    stochastic: false,
    async step(context) {
      const { step, latent, own } = context;
      const t = grid[step]!;
      if (step > 0 || steps === 1) return multistep(context, schedule, level(t), level(t - stride));
      const next = grid[1]!;
      const output = await ask(context, schedule, latent, level(t));
      const proposed = transfer(context, schedule, latent, [[1, output]], level(t), level(t - stride));
      own(proposed.predictedClean);
      const ahead = await ask(context, schedule, own(proposed.latent), level(next));
      const mean: Term[] = [
        [0.5, output],
        [0.5, ahead],
      ];
      return {
        ...transfer(context, schedule, latent, mean, level(next + stride), level(next)),
        history: [output],
      };
    },
  };
}

/** One Adams-Bashforth step; its history is the outputs, newest first. */
export async function multistep(
  context: StepContext,
  schedule: NoiseSchedule,
  from: NoiseLevel,
  to: NoiseLevel,
): Promise<StepResult> {
  const { latent, history } = context;
  const outputs = [await ask(context, schedule, latent, from), ...history].slice(0, 4);
  const weights = adamsBashforth[outputs.length - 1]!;
  const mean = outputs.map((output, i): Term => [weights[i]!, output]);
  return { ...transfer(context, schedule, latent, mean, from, to), history: outputs };
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

/** Levels by timestep, with the end of the schedule for negative ones. */
export function levelReader(
  schedule: NoiseSchedule,
  { setAlphaToOne = false }: PlmsOptions,
): (t: number) => NoiseLevel {
  const last = levelOf(setAlphaToOne ? 1 : schedule.alphasCumprod[0]!);
  return (t) => (t < 0 ? last : levelOf(alphaCumprodAt(schedule, t)));
}
