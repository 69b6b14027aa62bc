import { ControlNetError } from "@controlnet-js/core";
import {
  type NoiseSchedule,
  type Plan,
  planFromConfig,
  type SchedulerConfig,
  samplerNameOf,
  switchSampler,
} from "@controlnet-js/samplers";
import type { Pipeline } from "./pipeline.js";
import { scheduleOf } from "./schedule-of.js";

/** Which sampler runs, and how. */
export interface SamplerChoice {
  /**
   * A sampler's name in any spelling ("ddim", "Euler a"), a diffusers scheduler class, or a read `scheduler_config.json`.
   * Default `"ddim"`. A name only changes the way of stepping, and the noise schedule stays the model's; a config brings
   * its own noise schedule and prediction type, as `pipe.scheduler = ...` does in diffusers.
   */
  sampler?: string | SchedulerConfig;
  /** Denoising steps. Default 20. */
  steps?: number;
  /** DDIM and TCD: 0, the default as in diffusers' pipelines, is deterministic, 1 for DDIM as noisy as DDPM. */
  eta?: number;
  /** More options of the sampler, such as `{ sigmas: "karras" }`. */
  samplerOptions?: Record<string, unknown>;
}

/** A plan with what it was laid out for. */
export interface ChosenPlan {
  plan: Plan;
  schedule: NoiseSchedule;
  /** The steps that were asked for. PLMS and PNDM take more to make them, which `plan.steps` counts. */
  asked: number;
}

/**
 * The plan of a run.
 * @throws ControlNetError `config` or `range` for unknown samplers and bad options
 */
export function choosePlan(
  { scheduler, schedule }: Pick<Pipeline, "scheduler" | "schedule">,
  { sampler = "ddim", steps = 20, eta, samplerOptions = {} }: SamplerChoice,
): ChosenPlan {
  const named = typeof sampler === "string";
  const config = named ? switchSampler(scheduler, sampler) : sampler;
  const own = named ? schedule : scheduleOf(sampler);
  const name = samplerNameOf(config.sampler);
  if (eta !== undefined && eta !== 0 && name !== "ddim" && name !== "tcd")
    throw new ControlNetError(
      "config",
      `textToImage: eta belongs to "ddim" and "tcd", not to "${name}"; leave it out`,
    );
  const usual = name === "tcd" ? { eta: 0 } : {};
  const options = { ...usual, ...samplerOptions, steps, ...(eta !== undefined && { eta }) };
  return { plan: planFromConfig(config, options, own), schedule: own, asked: steps };
}
