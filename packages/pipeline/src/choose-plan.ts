import { ControlNetError } from "@controlnet-js/core";
import { type Pipeline, scheduleOf } from "@controlnet-js/models";
import {
  type NoiseSchedule,
  type Plan,
  planFromConfig,
  type Sampler,
  type SamplerName,
  type SchedulerConfig,
  samplerNameOf,
  samplers,
  switchSampler,
} from "@controlnet-js/samplers";
import type { RunSettings } from "./run-settings.js";

/** Which sampler runs, and how. */
export interface SamplerChoice extends Pick<RunSettings, "steps" | "eta"> {
  /**
   * A sampler's name in any spelling ("ddim", "Euler a"), a diffusers scheduler class, a read `scheduler_config.json`, or a
   * function that lays out a plan. Default `"ddim"`. A name or a function only changes the way of stepping, and the noise
   * schedule stays the model's; a config brings its own noise schedule and prediction type, as `pipe.scheduler = ...` does
   * in diffusers. A name takes over what the model's `scheduler_config.json` says of spacing and the like, a function only
   * gets `steps`, `eta` and `samplerOptions`.
   */
  sampler?: string | SchedulerConfig | Sampler;
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
  const given = { ...samplerOptions, steps, ...(eta !== undefined && { eta }) };
  if (typeof sampler === "function")
    return { plan: checkedPlan(sampler(schedule, given)), schedule, asked: steps };
  const named = typeof sampler === "string";
  if (!named && (typeof sampler !== "object" || sampler === null))
    throw new ControlNetError(
      "config",
      `textToImage: expected sampler as a name, a read scheduler_config.json or a function, got ${String(sampler)}`,
    );
  const config = named ? switchSampler(scheduler, sampler) : sampler;
  const own = named ? schedule : scheduleOf(sampler);
  const name = samplerNameOf(config.sampler);
  if (eta && !takesEta(name))
    throw new ControlNetError(
      "config",
      `textToImage: eta belongs to ${Object.keys(samplers)
        .filter(takesEta)
        .map((other) => `"${other}"`)
        .join(" and ")}, not to "${name}"; leave it out`,
      { option: "eta" },
    );
  const usual = name === "tcd" ? { eta: 0 } : {};
  return { plan: planFromConfig(config, { ...usual, ...given }, own), schedule: own, asked: steps };
}

const takesEta = (name: string): boolean => "eta" in samplers[name as SamplerName].options.shape;

/** What a user's own function returned may be anything. */
function checkedPlan(plan: Plan): Plan {
  const { timesteps, calls, levels, step } = (plan ?? {}) as Partial<Plan>;
  if ([timesteps, calls, levels].every(Array.isArray) && typeof step === "function") return plan;
  throw new ControlNetError(
    "config",
    "textToImage: expected the function given as sampler to return a plan " +
      "{ name, timesteps, steps, calls, levels, initialScale, stochastic, step }",
  );
}
