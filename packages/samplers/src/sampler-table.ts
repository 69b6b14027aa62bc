import { ControlNetError, nearestName } from "@controlnet-js/core";
import { ddim } from "./ddim.js";
import { ddpm } from "./ddpm.js";
import { deis } from "./deis.js";
import { type DpmMultistepOptions, dpmMultistep } from "./dpm-multistep.js";
import { dpmSde } from "./dpm-sde.js";
import { dpmSinglestep } from "./dpm-singlestep.js";
import { dpm2 } from "./dpm2.js";
import { dpm2Ancestral } from "./dpm2-ancestral.js";
import { euler } from "./euler.js";
import { eulerAncestral } from "./euler-ancestral.js";
import { heun } from "./heun.js";
import { lcm } from "./lcm.js";
import { lms } from "./lms.js";
import type { Plan } from "./plan.js";
import { plms } from "./plms.js";
import { pndm } from "./pndm.js";
import type { NoiseSchedule } from "./schedule.js";
import { tcd } from "./tcd.js";
import { uniPc } from "./unipc.js";

/** DPM-Solver++ 2M SDE: {@link dpmMultistep} with its stochastic algorithm. */
export function dpmMultistepSde(schedule: NoiseSchedule, options: DpmMultistepOptions): Plan {
  return dpmMultistep(schedule, { algorithm: "sde-dpmsolver++", ...options });
}

/** Every sampler by its name. */
export const samplers = {
  ddim,
  ddpm,
  plms,
  pndm,
  euler,
  "euler-ancestral": eulerAncestral,
  heun,
  dpm2,
  "dpm2-ancestral": dpm2Ancestral,
  lms,
  "dpmpp-2m": dpmMultistep,
  "dpmpp-2m-sde": dpmMultistepSde,
  "dpmpp-sde": dpmSde,
  "dpmpp-singlestep": dpmSinglestep,
  deis,
  unipc: uniPc,
  lcm,
  tcd,
} as const;

/** The name of a sampler. */
export type SamplerName = keyof typeof samplers;

/** The options of a sampler, but for its steps. */
export type SamplerOptions<N extends SamplerName> = Omit<Parameters<(typeof samplers)[N]>[1], "steps">;

const sigmaOptions = [
  "spacing",
  "stepsOffset",
  "sigmas",
  "sigmaMin",
  "sigmaMax",
  "interpolation",
  "finalSigma",
] as const;
const solverOptions = ["spacing", "stepsOffset", "sigmas", "threshold"] as const;
const dpmOptions = [
  "algorithm",
  "order",
  "solver",
  "lowerOrderFinal",
  "finalSigma",
  "lambdaMinClipped",
] as const;
const plmsOptions = ["spacing", "stepsOffset", "setAlphaToOne"] as const;

/** The options of every sampler, beside `steps`. */
export const samplerOptionNames: { readonly [N in SamplerName]: readonly (keyof SamplerOptions<N>)[] } = {
  ddim: ["eta", "spacing", "stepsOffset", "setAlphaToOne", "clip", "threshold", "rule"],
  ddpm: ["spacing", "stepsOffset", "variance", "clip", "threshold"],
  plms: plmsOptions,
  pndm: plmsOptions,
  euler: sigmaOptions,
  "euler-ancestral": sigmaOptions,
  heun: [...sigmaOptions, "clip"],
  dpm2: sigmaOptions,
  "dpm2-ancestral": sigmaOptions,
  lms: [...sigmaOptions, "order"],
  "dpmpp-2m": [...solverOptions, ...dpmOptions, "karrasTimesteps", "eulerAtFinal"],
  "dpmpp-2m-sde": [...solverOptions, ...dpmOptions, "karrasTimesteps", "eulerAtFinal"],
  "dpmpp-sde": sigmaOptions,
  "dpmpp-singlestep": [...dpmOptions, "sigmas", "threshold", "karrasTimesteps"],
  deis: [...solverOptions, "order", "lowerOrderFinal"],
  unipc: [
    ...solverOptions,
    "order",
    "solver",
    "predictClean",
    "lowerOrderFinal",
    "disableCorrector",
    "finalSigma",
    "sigmaMin",
    "sigmaMax",
  ],
  lcm: ["originalSteps", "timestepScaling", "clip", "threshold"],
  tcd: ["eta", "originalSteps"],
};

const solvers: Readonly<Partial<Record<SamplerName, readonly string[]>>> = { unipc: ["bh1", "bh2"] };

/** What the options may be that name one of a few things. */
const choicesOf = (name: SamplerName): Readonly<Record<string, readonly string[]>> => ({
  spacing: ["leading", "trailing", "linspace"],
  sigmas: ["karras", "exponential", "beta", "lu"],
  interpolation: ["linear", "log"],
  finalSigma: ["zero", "sigma-min"],
  rule: ["diffusers", "ldm"],
  variance: ["small", "large"],
  algorithm: ["dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"],
  solver: solvers[name] ?? ["midpoint", "heun"],
  karrasTimesteps: ["round", "floor"],
});

/** Other spellings in use, most of them k-diffusion's and the web UIs'. */
const aliases: Record<string, SamplerName> = {
  "euler-a": "euler-ancestral",
  "dpm2-a": "dpm2-ancestral",
  "dpm++2m": "dpmpp-2m",
  "dpm++2m-sde": "dpmpp-2m-sde",
  "dpm++sde": "dpmpp-sde",
  "dpm++2s": "dpmpp-singlestep",
  "dpmpp-2s": "dpmpp-singlestep",
  "uni-pc": "unipc",
};

/**
 * The one name of a sampler from any of its spellings: `"Euler a"`, `"euler_ancestral"`, `"DPM++ 2M"`.
 * @throws ControlNetError `config` for an unknown name, with the nearest known one
 */
export function samplerNameOf(spelling: string): SamplerName {
  const plain = spelling
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, "-")
    .replace(/\+\+-/g, "++");
  if (Object.hasOwn(samplers, plain)) return plain as SamplerName;
  if (Object.hasOwn(aliases, plain)) return aliases[plain]!;
  const names = Object.keys(samplers);
  const nearest = nearestName(plain, [...names, ...Object.keys(aliases)]);
  throw new ControlNetError(
    "config",
    `sampler: unknown name "${spelling}"${nearest ? `, did you mean "${nearest}"?` : ""} (known: ${names.join(", ")})`,
  );
}

/**
 * A sampler by name, for names and options that come from a user: `samplerByName("euler")(schedule, { steps: 20 })`.
 * @throws ControlNetError `config` for an unknown name, option or choice, with the nearest known one
 */
export function samplerByName(
  spelling: string,
): (schedule: NoiseSchedule, options: { steps: number; [option: string]: unknown }) => Plan {
  const name = samplerNameOf(spelling);
  const known: readonly string[] = ["steps", ...samplerOptionNames[name]];
  const make = samplers[name] as (schedule: NoiseSchedule, options: { steps: number }) => Plan;
  const choices = choicesOf(name);
  const unknown = (what: string, given: string, all: readonly string[]): never => {
    const nearest = nearestName(given, all);
    throw new ControlNetError(
      "config",
      `sampler "${name}": ${what} "${given}"${nearest ? `, did you mean "${nearest}"?` : ""} (known: ${all.join(", ")})`,
    );
  };
  return (schedule, options) => {
    for (const [key, value] of Object.entries(options)) {
      if (value === undefined) continue;
      if (!known.includes(key)) unknown("no option", key, known);
      const all = choices[key];
      if (all && !all.includes(String(value))) unknown(`unknown ${key}`, String(value), all);
    }
    return make(schedule, options);
  };
}
