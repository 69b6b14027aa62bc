import { ControlNetError } from "@controlnet-js/core";

/** What names and shapes don't tell about a model. */
export interface ModelHints {
  /** Attention heads: one number for every level, or one for each ... */
  heads?: number | readonly number[];
  /** ... or the channels of each head. */
  headChannels?: number;
  groups?: number;
  /** Side of the latent that the model was trained on. */
  sampleSize?: number;
  /** diffusers' names: `epsilon`, `v_prediction`, `sample`. */
  prediction?: string;
  betas?: { start?: number; end?: number; schedule?: string; timesteps?: number; zeroTerminalSnr?: boolean };
  scalingFactor?: number;
  /** Picture side that the autoencoder was trained on. */
  resolution?: number;
  /** Last layers of the text encoder that are not run. */
  skippedLayers?: number;
  /** Whether a ControlNet's residuals are averaged over height and width. */
  globalPooling?: boolean;
}

const schedules: Readonly<Record<string, string>> = {
  linear: "scaled_linear",
  sqrt_linear: "linear",
  cosine: "squaredcos_cap_v2",
};
const predictions: Readonly<Record<string, string>> = { eps: "epsilon", v: "v_prediction", x0: "sample" };

/**
 * Reads the original code's model yaml (such as `cldm_v15.yaml`), already parsed. Only what shapes don't tell is taken:
 * heads, prediction, noise schedule, factor of the latents, layer of the text encoder, global pooling.
 * @throws ControlNetError `config` for what is no such file, `unsupported` for what this project does not build
 */
export function hintsFromLdm(config: unknown): ModelHints {
  const params = section(section(config, "model"), "params");
  if (params === undefined)
    throw new ControlNetError(
      "config",
      'config: expected "model: params: ..." as in the original code\'s model yaml (cldm_v15.yaml)',
    );
  const inside = (name: string) => section(section(params, name), "params");
  const net = inside("unet_config") ?? inside("control_stage_config");
  const betas = {
    ...given("start", number(params, "linear_start")),
    ...given("end", number(params, "linear_end")),
    ...given("timesteps", number(params, "timesteps")),
    ...given("schedule", named(params, "beta_schedule", schedules)),
    ...given("zeroTerminalSnr", params.rescale_betas_zero_snr === true || params.zero_terminal_snr === true),
  };
  return {
    ...given("heads", count(net, "num_heads")),
    ...given("headChannels", count(net, "num_head_channels")),
    ...given("groups", count(net, "norm_num_groups") ?? count(net, "num_groups")),
    ...given("sampleSize", count(params, "image_size") ?? count(net, "image_size")),
    ...given("prediction", named(params, "parameterization", predictions)),
    ...given("scalingFactor", number(params, "scale_factor")),
    ...given("resolution", count(section(inside("first_stage_config"), "ddconfig"), "resolution")),
    ...given("skippedLayers", skippedLayers(inside("cond_stage_config"))),
    ...(params.global_average_pooling === true && { globalPooling: true }),
    betas,
  };
}

type Section = Readonly<Record<string, unknown>>;

const given = <K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [key in K]: V });

function section(parent: unknown, key: string): Section | undefined {
  const value = (parent as Section | null | undefined)?.[key];
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Section)
    : undefined;
}

/** YAML reads `1e-4` as text. */
function number(parent: Section | undefined, key: string): number | undefined {
  const value = parent?.[key];
  if (value === undefined || value === null) return undefined;
  const read = Number(value);
  if (!Number.isFinite(read))
    throw new ControlNetError("config", `config: ${key}: expected a number, got ${JSON.stringify(value)}`);
  return read;
}

/** The original code writes -1 for "not given". */
function count(parent: Section | undefined, key: string): number | undefined {
  const value = number(parent, key);
  return value !== undefined && value > 0 ? value : undefined;
}

function named(parent: Section, key: string, table: Readonly<Record<string, string>>): string | undefined {
  const value = parent[key];
  if (value === undefined || value === null) return undefined;
  const known = Object.hasOwn(table, String(value)) ? table[String(value)] : undefined;
  if (known === undefined)
    throw new ControlNetError(
      "config",
      `config: unknown ${key} ${JSON.stringify(value)} (known: ${Object.keys(table).join(", ")})`,
    );
  return known;
}

function skippedLayers(text: Section | undefined): number | undefined {
  const layer = text?.layer;
  if (layer === undefined || layer === null) return undefined;
  if (layer === "penultimate") return 1;
  if (layer === "last") return 0;
  throw new ControlNetError(
    "unsupported",
    `config: cond_stage_config: layer ${JSON.stringify(layer)}; "last" and "penultimate" are read`,
  );
}
