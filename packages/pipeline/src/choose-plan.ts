import { ControlNetError } from "@controlnet-js/core";
import {
  type Plan,
  planFromConfig,
  type SchedulerConfig,
  samplerNameOf,
  switchSampler,
} from "@controlnet-js/samplers";
import type { Pipeline } from "./pipeline.js";

/** Which sampler runs, and how. */
export interface SamplerChoice {
  /**
   * A sampler's name in any spelling ("ddim", "Euler a"), a diffusers scheduler class, or a read `scheduler_config.json`.
   * Default `"ddim"`. Only its way of stepping is taken: the noise schedule stays the model's.
   */
  sampler?: string | SchedulerConfig;
  /** Denoising steps. Default 20. */
  steps?: number;
  /** DDIM and TCD: 0 is deterministic, 1 for DDIM as noisy as DDPM. */
  eta?: number;
  /** More options of the sampler, such as `{ sigmas: "karras" }`. */
  samplerOptions?: Record<string, unknown>;
}

/**
 * The plan of a run.
 * @throws ControlNetError `config` or `range` for unknown samplers and bad options
 */
export function choosePlan(
  { scheduler, schedule }: Pick<Pipeline, "scheduler" | "schedule">,
  { sampler = "ddim", steps = 20, eta, samplerOptions = {} }: SamplerChoice,
): Plan {
  const config = typeof sampler === "string" ? switchSampler(scheduler, sampler) : sampler;
  const name = samplerNameOf(config.sampler);
  if (eta !== undefined && eta !== 0 && name !== "ddim" && name !== "tcd")
    throw new ControlNetError(
      "config",
      `textToImage: eta belongs to "ddim" and "tcd", not to "${name}"; leave it out`,
    );
  const options = { ...samplerOptions, steps, ...(eta !== undefined && { eta }) };
  return planFromConfig(config, options, schedule);
}
