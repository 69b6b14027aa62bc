import { dirname, resolve } from "node:path";
import { ControlNetError, didYouMean, unknownName } from "@controlnet-js/core";
import { isUrl } from "@controlnet-js/data";
import * as z from "zod";
import { isModulePath } from "./conditions/condition-name.js";
import { parseYaml, readYaml } from "./parse-yaml.js";
import { type TrainConfig, trainConfigSchema } from "./task-schemas.js";

/** A config before it is checked. */
type RawConfig = Record<string, unknown>;

/**
 * Reads a YAML config, applies `--set key=value` (dotted keys, YAML values) and checks the whole; `task` is `controlnet`
 * unless it says otherwise. Relative paths in `base`, `condition`, `weights`, `data.dir` are taken from the config's folder,
 * by `--set` from the working folder; `output`, and `autoencoder`, which is another run's output, always from the latter.
 * @throws ControlNetError `config` naming each wrong key and the nearest known one, `io` where the file can't be read
 */
export function readTrainConfig(path: string, settings: readonly string[] = []): TrainConfig {
  const raw = readYaml(path, `controlnet train: ${path}`, "config");
  if (typeof raw !== "object" || raw === null || Array.isArray(raw))
    throw new ControlNetError("config", `controlnet train: ${path} should hold keys and values`);
  const config = withPaths(raw as RawConfig, dirname(resolve(path)));
  const keysBefore: string[] = [];
  for (const setting of settings) {
    const key = applySetting(config, setting);
    const lost = keysBefore.find((before) => before === key || before.startsWith(`${key}.`));
    if (lost !== undefined)
      throw new ControlNetError(
        "config",
        `controlnet train: --set ${setting} takes the place of --set ${lost}=... before it; keep one of them`,
      );
    keysBefore.push(key);
  }
  const given: { task: unknown } = { task: "controlnet", ...withPaths(config, process.cwd()) };
  const parsed = trainConfigSchema.safeParse(given);
  if (!parsed.success)
    throw new ControlNetError(
      "config",
      `controlnet train: ${path}: ${describeIssues(parsed.error, given.task)}`,
    );
  return parsed.data;
}

/** Changes what a `key=value` text names; returns the key. */
function applySetting(config: RawConfig, setting: string): string {
  const equals = setting.indexOf("=");
  if (equals < 1)
    throw new ControlNetError("config", `controlnet train: --set expects key=value, got "${setting}"`);
  const key = setting.slice(0, equals);
  const keys = key.split(".");
  const last = keys.pop()!;
  let at = config;
  for (const name of keys) {
    const inner = Object.hasOwn(at, name) ? at[name] : undefined;
    // Assigned to "__proto__", an object would take the place of the prototype.
    const within = typeof inner === "object" && inner !== null ? (inner as RawConfig) : {};
    define(at, name, within);
    at = within;
  }
  define(at, last, parseYaml(setting.slice(equals + 1), `controlnet train: --set ${setting}`, "config"));
  return key;
}

const define = (object: RawConfig, key: string, value: unknown): void => {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
};

/** Every key that a schema knows, at any depth, for suggestions. */
function knownKeys(schema: unknown): string[] {
  if (schema instanceof z.ZodPrefault) return knownKeys(schema.unwrap());
  if (schema instanceof z.ZodDiscriminatedUnion) return schema.options.flatMap(knownKeys);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([key, part]) => [key, ...knownKeys(part)]);
}

function describeIssues(error: z.ZodError, task: unknown): string {
  const tasks = trainConfigSchema.options.map(({ shape }) => shape.task.value);
  const known = knownKeys(trainConfigSchema.options.find(({ shape }) => shape.task.value === task));
  return error.issues
    .map((issue) => {
      const at = issue.path.join(".");
      if (at === "task") return `unknown task ${unknownName(task, tasks)}`;
      if (issue.code !== "unrecognized_keys") return `${at || "the config"}: ${issue.message}`;
      return issue.keys
        .map((key) => `unknown key "${at ? `${at}.` : ""}${key}"${didYouMean(key, known)}`)
        .join("; ");
    })
    .join("; ");
}

/** The paths of a config made absolute; those that are so stay. What is no path is left to the schema. */
function withPaths(config: RawConfig, folder: string): RawConfig {
  const absolute = (value: unknown) => (typeof value === "string" ? resolve(folder, value) : value);
  const change = (value: unknown, convert: (value: unknown, key: string) => unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, convert(part, key)]))
      : value;
  return change(config, (value, key) => {
    switch (key) {
      case "base":
        return value === "tinyworld" ? value : absolute(value);
      case "condition":
        return typeof value === "string" && isModulePath(value) && !isUrl(value) ? absolute(value) : value;
      case "weights":
        return typeof value === "string" ? absolute(value) : change(value, absolute);
      case "training":
        return change(value, (part, name) => (name === "cacheFolder" ? absolute(part) : part));
      case "data":
        return change(value, (part, name) => (name === "dir" ? absolute(part) : part));
      default:
        return value;
    }
  }) as RawConfig;
}
