import { ControlNetError, unknownName } from "@controlnet-js/core";

/** A value of a diffusers config. */
export type Field = string | number | boolean | null | readonly number[];

/** Keys of a `scheduler_config.json` with their values. */
export type Fields = Readonly<Record<string, Field>>;

/** Some keys of a scheduler class that belong together. */
export interface FieldGroup {
  /** The keys with diffusers' defaults. */
  fields: Fields;
  /** The sampler's options that they mean; none for keys that the class has and does not heed. */
  options?(fields: Fields): Readonly<Record<string, unknown>>;
  /** What is asked for and not built: the key and why. */
  refuse?(fields: Fields): readonly [key: string, why: string] | undefined;
}

/** One diffusers scheduler class as a sampler reads it. */
export interface DiffusersClass {
  /** `"PNDMScheduler"`. */
  className: string;
  groups: readonly FieldGroup[];
  /** The values that make the class this sampler, where several samplers share it. */
  choice?: Fields;
  /** Whether a config of the class is this sampler, where several share it. */
  matches?(fields: Fields): boolean;
}

/** Keys that every class has, with the defaults of most of them. */
export const commonFields: Fields = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: "linear",
  trained_betas: null,
  prediction_type: "epsilon",
};

/** Keys without a meaning of their own here: other defaults, and what the class has and does not heed. */
export const fields = (given: Fields): FieldGroup => ({ fields: given });

/** A key whose value is an option of another name; null leaves it to the option's default. */
export const field = (key: string, standard: Field, option: string): FieldGroup => ({
  fields: { [key]: standard },
  options: ({ [key]: value }) => (value === undefined || value === null ? {} : { [option]: value }),
});

/** The betas of Stable Diffusion, which some classes have as defaults. */
export const stableDiffusionBetas: FieldGroup = fields({ beta_start: 0.00085, beta_end: 0.012 });

/** Whether the betas are rescaled to zero terminal signal; read with the schedule. */
export const zeroTerminalSnr: FieldGroup = fields({ rescale_betas_zero_snr: false });

/** `timestep_spacing` and `steps_offset`. */
export const spacingFields = (standard: string): FieldGroup => ({
  fields: { timestep_spacing: standard, steps_offset: 0 },
  options: ({ timestep_spacing, steps_offset }) => ({
    spacing: choiceOf("timestep_spacing", spacings, timestep_spacing),
    ...(steps_offset !== null && { stepsOffset: steps_offset }),
  }),
});

/** Dynamic thresholding, and clipping where the class has it: `clip` is its default. */
export const limitFields = (clip?: boolean): FieldGroup => ({
  fields: { ...thresholding, ...(clip !== undefined && clipping(clip)) },
  options: (given) =>
    given.thresholding === true
      ? { threshold: { ratio: given.dynamic_thresholding_ratio, most: given.sample_max_value } }
      : clipOptions(given),
});

/** Clipping alone. */
export const clipFields = (clip: boolean): FieldGroup => ({ fields: clipping(clip), options: clipOptions });

/** The keys of {@link limitFields} for a class that does not heed them. */
export const unheededLimits = (clip: boolean): FieldGroup => fields({ ...thresholding, ...clipping(clip) });

const spacings = { leading: "leading", trailing: "trailing", linspace: "linspace" };
const thresholding = { thresholding: false, dynamic_thresholding_ratio: 0.995, sample_max_value: 1 };
const clipping = (clip: boolean) => ({ clip_sample: clip, clip_sample_range: 1 });
const clipOptions = ({ clip_sample, clip_sample_range }: Fields): Record<string, unknown> =>
  clip_sample === true && clip_sample_range !== null ? { clip: clip_sample_range } : {};

/** `use_flow_sigmas` and its kin, which are refused. */
export const flowFields: FieldGroup = {
  fields: {
    use_flow_sigmas: false,
    flow_shift: 1,
    use_dynamic_shifting: false,
    time_shift_type: "exponential",
  },
  refuse: ({ use_flow_sigmas }) =>
    use_flow_sigmas === true ? ["use_flow_sigmas", "it is for flow-matching models"] : undefined,
};

/** `use_karras_sigmas` and its kin, of which one can be asked for. */
export const spreadFields = ({ lambdas = false }: { lambdas?: boolean } = {}): FieldGroup => ({
  fields: {
    use_karras_sigmas: false,
    use_exponential_sigmas: false,
    use_beta_sigmas: false,
    ...(lambdas && { use_lu_lambdas: false }),
  },
  options: (given) => {
    const asked = Object.keys(spreads).filter((key) => given[key] === true);
    if (asked.length > 1)
      throw new ControlNetError("config", `scheduler_config: only one of ${asked.join(", ")} can be true`);
    return asked[0] === undefined ? {} : { sigmas: spreads[asked[0]] };
  },
});

const spreads: Readonly<Record<string, string>> = {
  use_karras_sigmas: "karras",
  use_exponential_sigmas: "exponential",
  use_beta_sigmas: "beta",
  use_lu_lambdas: "lu",
};

/** The ends of the spread; null leaves them to the schedule. */
export const sigmaEnds: readonly FieldGroup[] = [
  field("sigma_min", null, "sigmaMin"),
  field("sigma_max", null, "sigmaMax"),
];

/** `final_sigmas_type`. */
export const finalSigmaField: FieldGroup = {
  fields: { final_sigmas_type: "zero" },
  options: ({ final_sigmas_type }) => ({
    finalSigma: choiceOf("final_sigmas_type", { zero: "zero", sigma_min: "sigma-min" }, final_sigmas_type),
  }),
};

/** `solver_type`: the types of other classes mean the class's own, the first one, as in diffusers. */
export const solverField = (types: readonly [string, ...string[]]): FieldGroup => ({
  fields: { solver_type: types[0] },
  options: ({ solver_type }) => ({
    solver: types.includes(String(solver_type)) ? solver_type : types[0],
  }),
});

/**
 * What a table has for a field's value.
 * @throws ControlNetError `config` for a value that it does not hold, naming those it does
 */
export function choiceOf<T>(key: string, table: Readonly<Record<string, T>>, value: Field | undefined): T {
  if (typeof value === "string" && Object.hasOwn(table, value)) return table[value]!;
  throw new ControlNetError(
    "config",
    `scheduler_config: unknown ${key} ${unknownName(value, Object.keys(table))}`,
  );
}
