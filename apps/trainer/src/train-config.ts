import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ControlNetError, nearestName } from "@controlnet-js/core";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";

const count = z.number().int().positive();
const fraction = z.number().min(0).max(1);

const dataSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("tinyworld"),
    count: count.default(2000),
    seed: z.number().int().nonnegative().default(1),
  }),
  z.strictObject({ kind: z.literal("json-lines"), dir: z.string(), file: z.string().default("prompt.json") }),
  z.strictObject({
    kind: z.literal("image-folder"),
    dir: z.string(),
    captions: z.enum(["text-files", "metadata"]).optional(),
  }),
]);

/** What `controlnet train --config` reads. Every key has a default but `data`. */
export const trainConfigSchema = z.strictObject({
  /** `"tinyworld"`, or the folder of a diffusers pipeline. */
  base: z.string().default("tinyworld"),
  /** A built-in condition's name, or the path of a module that exports one. */
  condition: z.string().default("canny"),
  conditionOptions: z.record(z.string(), z.unknown()).default({}),
  /** Widths of the hint encoder; each after the first halves the side. Default: Stable Diffusion's. */
  hintWidths: z.array(count).min(1).default([16, 32, 96, 256]),
  data: dataSchema,
  dataOptions: z
    .strictObject({
      /** Sides of pictures and maps, in pixels. */
      width: count.default(512),
      height: count.default(512),
      /** Samples never trained on. */
      heldOut: count.default(64),
      allowEmptyCaptions: z.boolean().default(false),
      maxSkipped: z.number().int().nonnegative().default(20),
      workers: z.number().int().min(0).max(16).optional(),
    })
    .prefault({}),
  training: z
    .strictObject({
      steps: count.default(4000),
      batchSize: count.default(4),
      /** Batches averaged into one step. */
      accumulate: count.default(1),
      learningRate: z.number().positive().default(1e-5),
      warmUpSteps: z.number().int().nonnegative().default(100),
      schedule: z.enum(["constant", "cosine"]).default("constant"),
      weightDecay: z.number().nonnegative().default(1e-2),
      clipNorm: z.number().positive().default(1),
      /** 0 keeps no average. */
      emaDecay: fraction.default(0),
      /** Part of the prompts replaced with the empty string. */
      promptDropping: fraction.default(0.5),
      seed: z.number().int().nonnegative().default(0),
      /** End once the hint was used in this many validations in a row; 0 trains all steps. */
      stopAfterConvergence: z.number().int().nonnegative().default(0),
    })
    .prefault({}),
  validation: z
    .strictObject({
      every: count.default(200),
      /** Held-out samples asked whether the hint is used. */
      samples: count.default(32),
      /** Held-out maps painted at every `imagesEvery`-th step; 0 paints none. */
      images: z.number().int().nonnegative().default(4),
      imagesEvery: count.default(1000),
      samplingSteps: count.default(20),
      guidance: z.number().min(1).default(9),
    })
    .prefault({}),
  checkpoints: z.strictObject({ every: count.default(500), keep: count.default(2) }).prefault({}),
  /** Where the run goes. */
  output: z.string(),
});

/** A complete, checked training config. */
export type TrainConfig = z.output<typeof trainConfigSchema>;

/**
 * Reads a YAML config, applies `--set key=value` (dotted keys, YAML values) and checks the whole. Relative paths in
 * `base`, `condition`, `data.dir` are taken from the config's folder; `output` from the working folder.
 * @throws ControlNetError `config` naming each wrong key and the nearest known one, `io` where the file can't be read
 */
export function readTrainConfig(path: string, settings: readonly string[] = []): TrainConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ControlNetError(
      "io",
      `controlnet train: can't read the config ${path}: ${(cause as Error).message}`,
      { cause },
    );
  }
  const raw = parseYaml(text, path);
  if (typeof raw !== "object" || raw === null || Array.isArray(raw))
    throw new ControlNetError("config", `controlnet train: ${path} should hold keys and values`);
  for (const setting of settings) applySetting(raw as Record<string, unknown>, setting);
  const parsed = trainConfigSchema.safeParse(raw);
  if (!parsed.success)
    throw new ControlNetError("config", `controlnet train: ${path}: ${describeIssues(parsed.error)}`);
  return withPaths(parsed.data, dirname(resolve(path)));
}

function parseYaml(text: string, where: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new ControlNetError("config", `controlnet train: ${where} is not YAML: ${error.message}`, {
      cause: error,
    });
  }
}

function applySetting(config: Record<string, unknown>, setting: string): void {
  const equals = setting.indexOf("=");
  if (equals < 1)
    throw new ControlNetError("config", `controlnet train: --set expects key=value, got "${setting}"`);
  const keys = setting.slice(0, equals).split(".");
  const last = keys.pop()!;
  let at = config;
  for (const key of keys) {
    if (typeof at[key] !== "object" || at[key] === null) at[key] = {};
    at = at[key] as Record<string, unknown>;
  }
  at[last] = parseYaml(setting.slice(equals + 1), `--set ${setting}`);
}

/** Every key that the schema knows, at any depth, for suggestions. */
const knownKeys = [
  ...Object.keys(trainConfigSchema.shape),
  ...["dataOptions", "training", "validation", "checkpoints"].flatMap((key) => {
    const section = trainConfigSchema.shape[key as "training"];
    return Object.keys(section.unwrap().shape);
  }),
  ...dataSchema.options.flatMap((option) => Object.keys(option.shape)),
];

function describeIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      const at = issue.path.join(".");
      if (issue.code !== "unrecognized_keys") return `${at || "the config"}: ${issue.message}`;
      return issue.keys
        .map((key) => {
          const nearest = nearestName(key, knownKeys);
          return `unknown key "${at ? `${at}.` : ""}${key}"${nearest ? `, did you mean "${nearest}"?` : ""}`;
        })
        .join("; ");
    })
    .join("; ");
}

function withPaths(config: TrainConfig, folder: string): TrainConfig {
  const { base, condition, data } = config;
  return {
    ...config,
    base: base === "tinyworld" ? base : resolve(folder, base),
    condition: isModulePath(condition) ? resolve(folder, condition) : condition,
    data: "dir" in data ? { ...data, dir: resolve(folder, data.dir) } : data,
  };
}

/** Whether a condition is given as a module's path and not as a built-in name. */
export const isModulePath = (condition: string): boolean => /[./\\]/.test(condition);
