import { ControlNetError, nearestName } from "@controlnet-js/core";
import type { Plan } from "./plan.js";
import { type SamplerName, samplerByName, samplerNameOf } from "./sampler-table.js";
import { createSchedule, type NoiseSchedule, type Prediction, type ScheduleOptions } from "./schedule.js";
import { commonFields, type Field, schedulerClasses } from "./scheduler-fields.js";

/** A diffusers `scheduler_config.json` as an object. */
export type SchedulerJson = Readonly<Record<string, unknown>>;

/** What a `scheduler_config.json` says. */
export interface SchedulerConfig {
  sampler: SamplerName;
  schedule: ScheduleOptions;
  /** The sampler's options, but for its steps. */
  options: Record<string, unknown>;
  /** Keys of the file that this sampler does not use, as diffusers leaves out the keys of other classes. */
  ignored: string[];
  /** The file itself, its left-out keys still left out: what is written, and what a switch carries over. */
  json: SchedulerJson;
}

type Fields = Readonly<Record<string, Field>>;

const kinds = { scaled_linear: "scaled-linear", linear: "linear", squaredcos_cap_v2: "cosine" } as const;
const predictions: Record<string, Prediction> = {
  epsilon: "epsilon",
  v_prediction: "v",
  sample: "sample",
  original_sample: "sample",
};

/**
 * Reads a diffusers `scheduler_config.json`, given as its text or as an object. Left-out keys take diffusers' defaults
 * of the class, which are not Stable Diffusion's.
 * @throws ControlNetError `format` for text that is not such a file; `config` for an unknown class or value, with the nearest
 * known one; `unsupported` for options of pixel or flow models
 */
export function readSchedulerConfig(source: string | SchedulerJson): SchedulerConfig {
  const given = typeof source === "string" ? parseSchedulerJson(source) : source;
  const className = given._class_name;
  if (typeof className !== "string")
    throw new ControlNetError("format", "scheduler_config: expected a _class_name, as in diffusers' files");
  const known = schedulerClasses[className];
  if (!known) {
    const nearest = nearestName(className, Object.keys(schedulerClasses));
    throw new ControlNetError(
      "config",
      `scheduler_config: unknown _class_name "${className}"${nearest ? `, did you mean "${nearest}"?` : ""} ` +
        `(known: ${Object.keys(schedulerClasses).join(", ")})`,
    );
  }
  const defaults: Fields = { ...commonFields, ...known.fields };
  const fields: Record<string, Field> = { ...defaults };
  const ignored: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("_")) continue;
    if (!Object.hasOwn(defaults, key)) ignored.push(key);
    else if (value !== undefined) fields[key] = value as Field;
  }
  assertTypes(fields, defaults);
  refuseUnsupported(className, fields);
  return {
    sampler: samplerOf(known.sampler, fields),
    schedule: scheduleOf(fields),
    options: optionsOf(known.sampler, fields),
    ignored,
    json: given,
  };
}

/**
 * The plan of a read config. `eta` and the like, which diffusers takes at each step and not in its config, may be added.
 * @param schedule made from `config.schedule`; give it where several plans share one
 */
export function planFromConfig(
  config: SchedulerConfig,
  options: { steps: number; [option: string]: unknown },
  schedule: NoiseSchedule = createSchedule(config.schedule),
): Plan {
  return samplerByName(config.sampler)(schedule, { ...config.options, ...options });
}

/**
 * The same noise schedule with another sampler, as diffusers' `from_config`: what the file says is kept where the new
 * class knows it, what it left out takes the new class's default.
 * @param spelling a sampler's name, or a diffusers class
 * @throws ControlNetError `config` for an unknown name
 */
export function switchSampler(config: SchedulerConfig, spelling: string): SchedulerConfig {
  if (Object.hasOwn(schedulerClasses, spelling))
    return readSchedulerConfig({ ...config.json, _class_name: spelling });
  const name = samplerNameOf(spelling);
  if (name === config.sampler) return config;
  return readSchedulerConfig({ ...config.json, _class_name: classOf(name), ...choicesOf(name) });
}

/** The text of a `scheduler_config.json` that diffusers reads to the same effect. */
export function writeSchedulerConfig(config: SchedulerConfig): string {
  const text = JSON.stringify(
    config.json,
    (_, value: unknown) => (value === Number.NEGATIVE_INFINITY ? "-Infinity" : value),
    2,
  );
  return `${text.replace(/: "-Infinity"/g, ": -Infinity")}\n`;
}

/** Stable Diffusion 1.5's `scheduler_config.json`, PLMS: the base of a sampler that is asked for by name alone. */
export function stableDiffusionConfig(): SchedulerConfig {
  return readSchedulerConfig({
    _class_name: "PNDMScheduler",
    beta_end: 0.012,
    beta_schedule: "scaled_linear",
    beta_start: 0.00085,
    clip_sample: false,
    num_train_timesteps: 1000,
    set_alpha_to_one: false,
    skip_prk_steps: true,
    steps_offset: 1,
    trained_betas: null,
  });
}

function parseSchedulerJson(text: string): SchedulerJson {
  try {
    // Python writes infinities without quotes; JSON has none.
    const parsed: unknown = JSON.parse(
      text.replace(/([:[,]\s*)(-?Infinity|NaN)\b/g, '$1"$2"'),
      (_, value: unknown) => (value === "-Infinity" || value === "Infinity" ? Number(value) : value),
    );
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as SchedulerJson;
  } catch (cause) {
    throw new ControlNetError("format", "scheduler_config: not valid JSON", { cause });
  }
  throw new ControlNetError("format", "scheduler_config: expected a JSON object");
}

function assertTypes(fields: Fields, defaults: Fields): void {
  for (const [key, value] of Object.entries(fields)) {
    const standard = defaults[key];
    if (standard === null || value === null || typeof value === typeof standard) continue;
    throw new ControlNetError(
      "config",
      `scheduler_config: ${key}: expected a ${typeof standard}, got ${JSON.stringify(value)}`,
    );
  }
}

function refuseUnsupported(className: string, fields: Fields): void {
  const refuse = (key: string, why: string) => {
    throw new ControlNetError(
      "unsupported",
      `scheduler_config: ${className} with ${key} ${JSON.stringify(fields[key])} is not supported: ${why}`,
    );
  };
  if (fields.use_flow_sigmas === true || fields.prediction_type === "flow_prediction")
    refuse(
      fields.use_flow_sigmas === true ? "use_flow_sigmas" : "prediction_type",
      "it is for flow-matching models",
    );
  if (fields.solver_p) refuse("solver_p", "only UniPC's own predictor is");
  if ((fields.interpolation_type ?? "linear") !== "linear") refuse("interpolation_type", 'use "linear"');
  if (fields.timestep_type === "continuous" && fields.prediction_type === "v_prediction")
    refuse("timestep_type", "it is for models that are conditioned on log sigma");
  if (
    className === "DDPMScheduler" &&
    !["fixed_small", "fixed_large"].includes(fields.variance_type as string)
  )
    refuse("variance_type", 'use "fixed_small" or "fixed_large"');
  if (className.startsWith("DPMSolver") && String(fields.variance_type).startsWith("learned"))
    refuse("variance_type", "a model of latents predicts no variance; use null");
}

function oneOf<T>(key: string, table: Readonly<Record<string, T>>, value: Field | undefined): T {
  if (typeof value === "string" && Object.hasOwn(table, value)) return table[value]!;
  throw new ControlNetError(
    "config",
    `scheduler_config: unknown ${key} ${JSON.stringify(value)} (known: ${Object.keys(table).join(", ")})`,
  );
}

function scheduleOf(fields: Fields): ScheduleOptions {
  const prediction = oneOf("prediction_type", predictions, fields.prediction_type);
  const rescaleZeroTerminalSnr = fields.rescale_betas_zero_snr === true;
  if (Array.isArray(fields.trained_betas))
    return { betas: fields.trained_betas as number[], rescaleZeroTerminalSnr, prediction };
  return {
    kind: oneOf("beta_schedule", kinds, fields.beta_schedule),
    trainTimesteps: fields.num_train_timesteps as number,
    betaStart: fields.beta_start as number,
    betaEnd: fields.beta_end as number,
    rescaleZeroTerminalSnr,
    prediction,
  };
}

function samplerOf(sampler: SamplerName, fields: Fields): SamplerName {
  if (sampler === "pndm") return fields.skip_prk_steps === true ? "plms" : "pndm";
  if (sampler === "dpmpp-2m" && String(fields.algorithm_type).startsWith("sde")) return "dpmpp-2m-sde";
  return sampler;
}

function classOf(sampler: SamplerName): string {
  const base = sampler === "plms" ? "pndm" : sampler === "dpmpp-2m-sde" ? "dpmpp-2m" : sampler;
  return Object.entries(schedulerClasses).find(([, known]) => known.sampler === base)![0];
}

/** The fields that tell apart samplers which share a class. */
function choicesOf(sampler: SamplerName): Fields {
  if (sampler === "plms" || sampler === "pndm") return { skip_prk_steps: sampler === "plms" };
  if (sampler === "dpmpp-2m-sde") return { algorithm_type: "sde-dpmsolver++" };
  if (sampler === "dpmpp-2m" || sampler === "dpmpp-singlestep") return { algorithm_type: "dpmsolver++" };
  return {};
}

/** Solver types of the other classes mean the class's own, as in diffusers. */
const solverTypes: Partial<Record<SamplerName, readonly string[]>> = {
  "dpmpp-2m": ["midpoint", "heun"],
  "dpmpp-singlestep": ["midpoint", "heun"],
  unipc: ["bh2", "bh1"],
};

function optionsOf(sampler: SamplerName, fields: Fields): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  const take = (key: string, option: string) => {
    const value = fields[key];
    if (value !== undefined && value !== null) options[option] = value;
  };
  if ("timestep_spacing" in fields && sampler !== "lcm" && sampler !== "tcd") {
    const spacings = { leading: "leading", trailing: "trailing", linspace: "linspace" };
    options.spacing = oneOf("timestep_spacing", spacings, fields.timestep_spacing);
    take("steps_offset", "stepsOffset");
  }
  if (fields.thresholding === true && sampler !== "tcd")
    options.threshold = { ratio: fields.dynamic_thresholding_ratio, most: fields.sample_max_value };
  else if (fields.clip_sample === true && sampler !== "tcd") take("clip_sample_range", "clip");
  if (sampler === "ddim" || sampler === "pndm") take("set_alpha_to_one", "setAlphaToOne");
  if (sampler === "ddpm") options.variance = fields.variance_type === "fixed_large" ? "large" : "small";
  const spread = spreadOf(fields);
  if (spread) options.sigmas = spread;
  if (sampler === "euler" || sampler === "unipc") {
    take("sigma_min", "sigmaMin");
    take("sigma_max", "sigmaMax");
  }
  if ("final_sigmas_type" in fields)
    options.finalSigma = oneOf(
      "final_sigmas_type",
      { zero: "zero", sigma_min: "sigma-min" },
      fields.final_sigmas_type,
    );
  const solvers = solverTypes[sampler];
  if (solvers)
    options.solver = solvers.includes(String(fields.solver_type)) ? fields.solver_type : solvers[0];
  take("solver_order", "order");
  take("lower_order_final", "lowerOrderFinal");
  take("euler_at_final", "eulerAtFinal");
  take("lambda_min_clipped", "lambdaMinClipped");
  take("predict_x0", "predictClean");
  take("disable_corrector", "disableCorrector");
  if (sampler === "dpmpp-2m" || sampler === "dpmpp-singlestep")
    options.algorithm = fields.algorithm_type === "deis" ? "dpmsolver++" : fields.algorithm_type;
  if (sampler === "dpmpp-2m" && fields.beta_schedule === "squaredcos_cap_v2")
    options.karrasTimesteps = "floor";
  if (sampler === "lcm" || sampler === "tcd") take("original_inference_steps", "originalSteps");
  if (sampler === "lcm") take("timestep_scaling", "timestepScaling");
  return options;
}

function spreadOf(fields: Fields): string | undefined {
  const keys = {
    use_karras_sigmas: "karras",
    use_exponential_sigmas: "exponential",
    use_beta_sigmas: "beta",
    use_lu_lambdas: "lu",
  };
  const asked = Object.entries(keys).filter(([key]) => fields[key] === true);
  if (asked.length > 1)
    throw new ControlNetError(
      "config",
      `scheduler_config: only one of ${asked.map(([key]) => key).join(", ")} can be true`,
    );
  return asked[0]?.[1];
}
