import { ControlNetError, unknownName } from "@controlnet-js/core";
import { choiceOf, commonFields, type DiffusersClass, type Fields } from "./diffusers-class.js";
import type { Plan } from "./plan.js";
import { type SamplerName, samplerByName, samplerNameOf, samplers } from "./sampler-table.js";
import { createSchedule, type NoiseSchedule, type Prediction, type ScheduleOptions } from "./schedule.js";

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

/** The samplers of each diffusers scheduler class, by its `_class_name`. */
const classes = new Map<string, { sampler: SamplerName; form: DiffusersClass }[]>();
for (const { name: sampler, diffusers: form } of Object.values(samplers))
  if (form) classes.set(form.className, [...(classes.get(form.className) ?? []), { sampler, form }]);

/** The scheduler classes of diffusers that are known here. */
export const schedulerClassNames: readonly string[] = [...classes.keys()];

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
  const sharing = classes.get(className);
  if (!sharing)
    throw new ControlNetError(
      "config",
      `scheduler_config: unknown _class_name ${unknownName(className, schedulerClassNames)}`,
    );
  const { groups } = sharing[0]!.form;
  const defaults: Fields = Object.assign({}, commonFields, ...groups.map((group) => group.fields));
  const fields: Record<string, Fields[string]> = { ...defaults };
  const ignored: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("_")) continue;
    if (!Object.hasOwn(defaults, key)) ignored.push(key);
    else if (value !== undefined) fields[key] = value as Fields[string];
  }
  assertTypes(fields, defaults);
  for (const { refuse } of [{ refuse: refuseFlow }, ...groups]) {
    const refused = refuse?.(fields);
    if (refused)
      throw new ControlNetError(
        "unsupported",
        `scheduler_config: ${className} with ${refused[0]} ${JSON.stringify(fields[refused[0]])} is not supported: ${refused[1]}`,
      );
  }
  const { sampler } = sharing.find(({ form }) => form.matches?.(fields) ?? true)!;
  return {
    sampler,
    schedule: scheduleOf(fields),
    options: Object.assign({}, ...groups.map((group) => group.options?.(fields))),
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
  if (classes.has(spelling)) return readSchedulerConfig({ ...config.json, _class_name: spelling });
  const name = samplerNameOf(spelling);
  if (name === config.sampler) return config;
  const { className, choice } = samplers[name].diffusers!;
  return readSchedulerConfig({ ...config.json, _class_name: className, ...choice });
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

const refuseFlow = ({ prediction_type }: Fields): readonly [string, string] | undefined =>
  prediction_type === "flow_prediction" ? ["prediction_type", "it is for flow-matching models"] : undefined;

function scheduleOf(fields: Fields): ScheduleOptions {
  const prediction = choiceOf("prediction_type", predictions, fields.prediction_type);
  const rescaleZeroTerminalSnr = fields.rescale_betas_zero_snr === true;
  if (Array.isArray(fields.trained_betas))
    return { betas: fields.trained_betas as number[], rescaleZeroTerminalSnr, prediction };
  return {
    kind: choiceOf("beta_schedule", kinds, fields.beta_schedule),
    trainTimesteps: fields.num_train_timesteps as number,
    betaStart: fields.beta_start as number,
    betaEnd: fields.beta_end as number,
    rescaleZeroTerminalSnr,
    prediction,
  };
}
